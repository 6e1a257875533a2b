// Spectral's own rules for OpenAPI and those for OWASP's API Security Top 10, all of them, at every severity.
import owasp from "@stoplight/spectral-owasp-ruleset";
import { oas } from "@stoplight/spectral-rulesets";

// Reads are neither limited nor, unless they are of one's own, signed: these rules are asked of the others.
const LIMITED = "$.paths[*][post,put,patch,delete].responses";
const only = (rule, given) => ({ ...owasp.rules[rule], given });

export default {
  extends: [[oas, "all"], [owasp, "all"]],
  rules: {
    "owasp:api4:2023-rate-limit": only("owasp:api4:2023-rate-limit", `${LIMITED}[?(@property.match(/^(2|4)/))]`),
    "owasp:api4:2023-rate-limit-responses-429": only("owasp:api4:2023-rate-limit-responses-429", LIMITED),
    "owasp:api8:2023-define-error-responses-401": only(
      "owasp:api8:2023-define-error-responses-401",
      "$.paths[*][?(@.security && @.security.length)].responses",
    ),

    // Who may be asked is whoever runs the server; the document is the same on all.
    "info-contact": "off",
    // An SPDX `identifier` says it, and OpenAPI 3.1 allows only one of the two.
    "license-url": "off",
    // Tags stand in the order in which one meets what they name.
    "openapi-tags-alphabetical": "off",
    // Posts are public and listed: who guesses a number learns nothing. A test counts through drafts.
    "owasp:api1:2023-no-numeric-ids": "off",
    // What is published is for everybody.
    "owasp:api2:2023-read-restricted": "off",
    // No origin is allowed unless `PRESSROOM_CORS_ORIGINS` names it.
    "owasp:api8:2023-define-cors-origin": "off",
  },
  overrides: [
    {
      // Lists of entity tags are opaque (RFC 9110, section 13.1): a pattern or a limit would be wrong.
      files: ["**#/components/parameters/IF_MATCH", "**#/components/parameters/IF_NONE_MATCH"],
      rules: { "owasp:api4:2023-string-limit": "off", "owasp:api4:2023-string-restricted": "off" },
    },
    {
      // Only `POST /tokens` takes the password, to be sent once in a month; all else takes a token.
      files: ["**#/components/securitySchemes/basic"],
      rules: { "owasp:api2:2023-no-http-basic": "off" },
    },
    {
      // The number of a token is no secret: it opens nothing.
      files: ["**#/paths/~1tokens~1%7Btoken_id%7D/parameters/0"],
      rules: { "owasp:api2:2023-no-credentials-in-url": "off" },
    },
  ],
};
