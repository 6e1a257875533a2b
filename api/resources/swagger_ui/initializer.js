// In a file of its own, because the page's Content-Security-Policy allows no inline script.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0, // each shape stands at the operations that use it
  validatorUrl: null, // nothing leaves this host
  plugins: [() => ({ components: { ServersContainer: () => null } })], // a list of one is no choice
});
// Swagger UI has dark colours, and leaves it to the page when to use them.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
