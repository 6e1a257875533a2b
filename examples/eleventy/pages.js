// The pages of the site: what each one shows, and which of them are out of date.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";

// An author of this name must not overwrite pages of others.
const RESERVED = ["posts", "tags"];

export function pagesOf(site) {
  const taken = new Set();
  const urlOf = ({ id, slug, author: { username } }) => {
    const url = slug && !RESERVED.includes(username) ? `/${username}/${slug}/` : `/posts/${id}/`;
    // When a slug moves from one post to another, the feed may show it at both until the next poll.
    return taken.has(url) ? `/posts/${id}/` : taken.add(url) && url;
  };
  const posts = Object.values(site.post.items).map((post) => ({
    url: urlOf(post),
    id: post.id,
    title: post.title,
    body: post.body,
    author: (site.user.items[post.author.url] ?? post.author).display_name,
    published_at: post.published_at.slice(0, -1), // without Z, text is in the order of time
    tags: post.tags,
  }));
  posts.sort((a, b) => (a.published_at < b.published_at ? 1 : a.published_at > b.published_at ? -1 : b.id - a.id));
  const byTag = new Map();
  for (const post of posts) for (const tag of post.tags) byTag.set(tag, [...(byTag.get(tag) ?? []), post]);
  const list = (url, title, items) => ({
    url,
    title,
    posts: items.map(({ url, title, author, published_at }) => ({ url, title, author, published_at })),
  });
  const lists = [list("/", "Posts", posts), ...[...byTag].map(([tag, items]) => list(`/tags/${tag}/`, tag, items))];
  return { posts, lists };
}

const hash = (text) => createHash("sha256").update(text).digest("hex");

// What all pages depend on: the code, the templates, and the versions of the packages.
function sources() {
  const templates = readdirSync("site", { recursive: true }).filter((file) => file.endsWith(".njk"));
  const code = readdirSync(".").filter((file) => /\.js$|^package-lock\.json$/.test(file));
  const files = [...code, ...templates.map((file) => join("site", file))];
  return hash(files.sort().map((file) => readFileSync(file, "utf8")).join("\0"));
}

// The pages that show something else than when they were built, and the urls of all with what they show.
export function compare({ posts, lists }, built, output) {
  const version = sources();
  const current = {};
  for (const page of [...posts, ...lists]) current[page.url] = hash(version + JSON.stringify(page));
  const isStale = ({ url }) => current[url] !== built[url] || !existsSync(join(output, url, "index.html"));
  return { current, posts: posts.filter(isStale), lists: lists.filter(isStale) };
}

// Remove pages, and the directories that are empty then.
export async function removePages(urls, output) {
  for (const url of urls) {
    await rm(join(output, url, "index.html"), { force: true });
    for (let directory = url; directory !== "/"; directory = dirname(directory)) {
      try {
        await rmdir(join(output, directory));
      } catch {
        break; // it contains other pages
      }
    }
  }
}
