// In a file of its own, because the page's Content-Security-Policy allows no inline script.

// Errors take most of the page and are alike: show their statuses in one line, on request the description of each, and
// the rest of one on another.
const shareErrors = (errors) => (Responses, { React }) => (props) => {
  const [areShown, show] = React.useState(false);
  const codes = props.responses.keySeq().filter((code) => Number(code) >= 400).toArray();
  const value = { codes, areShown, show };
  return React.createElement(errors.Provider, { value }, React.createElement(Responses, props));
};

const foldErrors = (errors) => (Response, { React, getComponent }) => (props) => {
  const { codes, areShown, show } = React.useContext(errors);
  const [isOpen, setOpen] = React.useState(false);
  if (Number(props.code) < 400) return React.createElement(Response, props);
  const row = (name, status, content) =>
    React.createElement(
      "tr",
      { className: `response ${name}`, "data-code": props.code },
      React.createElement("td", { className: "response-col_status" }, status),
      React.createElement("td", { colSpan: 2 }, content),
    );
  const toggle = (isExpanded, setExpanded, label) =>
    React.createElement(
      "button",
      { type: "button", className: "fold", "aria-expanded": isExpanded, onClick: () => setExpanded(!isExpanded) },
      label,
    );
  const Markdown = getComponent("Markdown", true);
  const type = props.response.getIn(["content", "application/problem+json", "example", "code"]);
  return React.createElement(
    React.Fragment,
    null,
    props.code === codes[0] && row("errors", "Errors", toggle(areShown, show, codes.join(" "))),
    areShown &&
      row(
        "folded",
        props.code,
        React.createElement(
          "div",
          { className: "error" },
          toggle(isOpen, setOpen, React.createElement(Markdown, { source: props.response.get("description") })),
          type && React.createElement("a", { href: `problems/${type}`, target: "_blank" }, type),
        ),
      ),
    areShown && isOpen && React.createElement(Response, props),
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

// What most readers look for is at the top, what operators need at the end.
const FIRST = ["posts", "comments", "users", "tokens", "me"];
const LAST = ["suspensions", "service", "problems", "health", "metrics", "docs"];
const rank = (tag) => (FIRST.includes(tag) ? FIRST.indexOf(tag) - FIRST.length : LAST.indexOf(tag) + 1);

const pressroom = (system, errors = system.React.createContext()) => ({
  components: {
    ServersContainer: () => null, // a list of one is no choice
    operationLink: operationLink(system),
  },
  wrapComponents: { responses: shareErrors(errors), response: foldErrors(errors) },
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
  tagsSorter: (one, other) => rank(one) - rank(other),
  displayRequestDuration: true,
  persistAuthorization: true,
  defaultModelsExpandDepth: 0, // each shape stands at the operations that use it
  validatorUrl: null, // nothing leaves this host
  plugins: [pressroom],
});
// Swagger UI has dark colours, and leaves it to the page when to use them.
document.documentElement.classList.toggle("dark-mode", matchMedia("(prefers-color-scheme: dark)").matches);
