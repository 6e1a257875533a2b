// The public posts and users of a site, stored in a JSON file and brought up to date from the change feeds.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

const FEEDS = { post: "/changes/posts?limit=100&expand=body", user: "/changes/users?limit=100" };

async function follow(api, kind, feed) {
  for (let hasMore = true; hasMore; ) {
    const url = api + FEEDS[kind] + (feed.since ? `&since=${feed.since}` : "");
    const headers = feed.etag ? { "If-None-Match": feed.etag } : {};
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(30_000) }).catch((error) => {
      throw new Error(`No response from ${url}: ${error.cause?.code ?? error.message}`);
    });
    if (response.status === 304) return feed;
    if (response.status === 410 && feed.since) {
      feed = { items: {} }; // the token has expired: start again
      continue;
    }
    if (!response.ok) throw new Error(`${response.status} from ${url}: ${await response.text()}`);
    const page = await response.json();
    for (const item of page.items) {
      if (item[kind]) feed.items[item.url] = item[kind];
      else delete feed.items[item.url]; // it is not public any more
    }
    feed.etag = page.next_since === feed.since ? response.headers.get("etag") : null;
    feed.since = page.next_since;
    hasMore = page.has_more;
  }
  return feed;
}

export async function readJSON(file) {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error;
  }
}

export async function writeJSON(file, value) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(value));
  await rename(`${file}.new`, file);
}

// The content and the tokens are one file: a build that stops at any point repeats requests, and misses nothing.
export async function readSite(api, file) {
  let site = await readJSON(file);
  if (site.api !== api) site = { api, post: { items: {} }, user: { items: {} } };
  site.post = await follow(api, "post", site.post);
  site.user = await follow(api, "user", site.user); // after the posts, so that it has their authors
  await writeJSON(file, site);
  return site;
}
