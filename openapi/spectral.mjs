// All of Spectral's rules for OpenAPI and for the OWASP API Security Top 10, at every severity.
import owasp from "@stoplight/spectral-owasp-ruleset";
import { oas } from "@stoplight/spectral-rulesets";

// Reads are not rate-limited, and public operations need no credentials: these rules apply to the others only.
const LIMITED = "$.paths[*][post,put,patch,delete].responses";
const STRINGS = [
  '@.type === "string"',
  '@.type && @.type.constructor.name === "Array" && @.type.includes("string")',
].map((isString) => `$..[?(@ && ${isString} && @.format !== "date-time" && @property !== "not")]`);
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

    // A datetime has no `maxLength`: clients read it as a datetime, to which none can be applied. What follows `not` is
    // what a string must not be.
    "owasp:api4:2023-string-limit": only("owasp:api4:2023-string-limit", STRINGS),

    // The contact is the operator of a server; the OpenAPI document is the same on all servers.
    "info-contact": "off",
    // The license has an SPDX `identifier`; OpenAPI 3.1 allows only one of the two.
    "license-url": "off",
    // Tags are in the order in which a new client needs them.
    "openapi-tags-alphabetical": "off",
    // Posts are public and listed, so guessing an id reveals nothing; a test tries the ids of drafts.
    "owasp:api1:2023-no-numeric-ids": "off",
    // Published posts are public.
    "owasp:api2:2023-read-restricted": "off",
    // No other origin is allowed unless `PRESSROOM_CORS_ORIGINS` names it.
    "owasp:api8:2023-define-cors-origin": "off",
  },
  overrides: [
    {
      // Lists of entity tags are opaque (RFC 9110, section 13.1): a pattern or a limit would be wrong.
      files: ["IF_MATCH", "IF_MATCH_OR_NONE", "IF_NONE_MATCH", "IF_NONE_MATCH_ANY"].map(
        (name) => `**#/components/parameters/${name}`,
      ),
      rules: { "owasp:api4:2023-string-limit": "off", "owasp:api4:2023-string-restricted": "off" },
    },
    {
      // The types that an optional body must not have: `null` is as if it were left out.
      files: ["**#/components/schemas/TokenCreate/not"],
      rules: {
        "array-items": "off",
        "owasp:api4:2023-array-limit": "off",
        "owasp:api4:2023-string-restricted": "off",
      },
    },
    {
      // Spectral compiles patterns without the `u` flag, so it rejects ranges beyond U+FFFF. JSON Schema 2020-12 (core,
      // section 6.4) wants them compiled with it; a test does, in five languages.
      files: ["PostCreate", "PostPatch", "PostPut"].flatMap((schema) => [
        `**#/components/schemas/${schema}/properties/tags`,
        `**#/components/schemas/${schema}/properties/tags/items/pattern`,
      ]).concat("**#/paths/~1posts/get/parameters/2/schema"),
      rules: { "oas3-schema": "off", "oas3-valid-schema-example": "off" },
    },
    {
      // Only `POST /tokens` uses HTTP Basic, once a month by default; other operations use a token.
      files: ["**#/components/securitySchemes/basic"],
      rules: { "owasp:api2:2023-no-http-basic": "off" },
    },
    {
      // The id of a token is not a secret and authenticates nothing.
      files: ["get", "delete"].map((method) => `**#/paths/~1tokens~1%7Btoken_id%7D/${method}/parameters/0`),
      rules: { "owasp:api2:2023-no-credentials-in-url": "off" },
    },
  ],
};
