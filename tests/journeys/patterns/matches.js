// ECMAScript: read a JSON list of patterns and texts, and print 1 for each that matches, else 0.
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(cases.map(([pattern, text]) => Number(new RegExp(pattern, "u").test(text))).join(""));
