// In a file of its own, because the page's Content-Security-Policy allows no inline script.

// Errors take most of the page and are alike: show the status and the description of each, and the rest on request.
const foldErrors = (Response, { React, getComponent }) => (props) => {
  const [isOpen, setOpen] = React.useState(false);
  if (Number(props.code) < 400) return React.createElement(Response, props);
  const Markdown = getComponent("Markdown", true);
  const description = React.createElement(Markdown, { source: props.response.get("description") });
  const toggle = { type: "button", className: "fold", "aria-expanded": isOpen, onClick: () => setOpen(!isOpen) };
  return React.createElement(
    React.Fragment,
    null,
    React.createElement(
      "tr",
      { className: "response folded", "data-code": props.code },
      React.createElement("td", { className: "response-col_status" }, props.code),
      React.createElement("td", { colSpan: 2 }, React.createElement("button", toggle, description)),
    ),
    isOpen && React.createElement(Response, props),
  );
};

// A link in a line: its parameters are for programs.
const operationLink = ({ React }) => ({ link }) =>
  React.createElement(
    "p",
    { className: "operation-link" },
    React.createElement("code", null, link.get("operationId")),
    ` ${link.get("description")}`,
  );

const pressroom = (system) => ({
  components: {
    ServersContainer: () => null, // a list of one is no choice
    operationLink: operationLink(system),
  },
  wrapComponents: { response: foldErrors },
  statePlugins: {
    auth: {
      wrapSelectors: {
        // Optional authentication: an open padlock until there are credentials, as for required authentication.
        isAuthorized: (original) => (_state, requirements) =>
          original(requirements && requirements.filter((requirement) => requirement.size)),
      },
      wrapActions: {
        // The token survives a reload of the page, the password does not.
        persistAuthorizationIfNeeded: (original) => () => {
          original();
          const { bearer } = JSON.parse(localStorage.getItem("authorized"));
          localStorage.setItem("authorized", JSON.stringify(bearer ? { bearer } : {}));
        },
      },
    },
  },
});

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  defaultModelsExpandDepth: 0, // each shape stands at the operations that use it
  validatorUrl: null, // nothing leaves this host
  plugins: [pressroom],
});
// Swagger UI has dark colours, and leaves it to the page when to use them.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
