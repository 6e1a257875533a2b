import markdownIt from "markdown-it";

import { readJSON, readSite, writeJSON } from "./feed.js";
import { compare, pagesOf, removePages } from "./pages.js";

const API = (process.env.API_URL ?? "http://127.0.0.1:8000").replace(/\/+$/, "");
const OUTPUT = "_site";
const BUILT = ".cache/built.json";

// Eleventy's own instance would let HTML in posts through.
const markdown = markdownIt({ html: false });

export default function (config) {
  let built, current;
  config.setInputDirectory("site");
  config.setOutputDirectory(OUTPUT);
  config.addFilter("markdown", (text) => markdown.render(text));
  config.addGlobalData("stale", async () => {
    const pages = pagesOf(await readSite(API, ".cache/site.json"));
    built = await readJSON(BUILT);
    const stale = compare(pages, built, OUTPUT);
    current = stale.current;
    // Before any page is written, so that the next build writes or removes the pages of one that was interrupted.
    for (const { url } of [...stale.posts, ...stale.lists]) built[url] = "";
    await writeJSON(BUILT, built);
    return stale;
  });
  config.on("eleventy.after", async () => {
    await removePages(Object.keys(built).filter((url) => !(url in current)), OUTPUT);
    await writeJSON(BUILT, current);
  });
}
