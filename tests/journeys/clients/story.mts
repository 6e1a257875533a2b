/**
 * Pressroom from TypeScript: a post's life, told by openapi-fetch with the types that openapi-typescript generates from
 * the document.
 * openapi/README.md tells how to run it.
 */

import createClient from "openapi-fetch";
import type { components, paths } from "./pressroom.d.ts";

type Page = components["schemas"]["PostSummaryPage"];
type Problem = components["schemas"]["Problem"];

/** What was asked for. */
function granted<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (data === undefined) throw new Error(`Granted nothing: ${JSON.stringify(error)}`);
  return data;
}

/** The problem that was answered instead. */
function refused({ data, error }: { data?: unknown; error?: Problem }): Problem {
  if (error === undefined) throw new Error(`Refused nothing: ${JSON.stringify(data)}`);
  return error;
}

/** The header fields of a change to what was answered. */
function ifMatch({ headers }: Response): { "If-Match": string } {
  const tag = headers.get("ETag");
  if (tag === null) throw new Error("There is no ETag");
  return { "If-Match": tag };
}

function expect<T>(actual: T, expected: T): void {
  const [was, hoped] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (was !== hoped) throw new Error(`Expected ${hoped}, got ${was}`);
}

declare const process: { argv: string[] }; // Node's; all else here is the web's
const baseUrl = process.argv[2] ?? "http://127.0.0.1:8000";
const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
const password = "correct horse battery staple";

// Register.
const anyone = createClient<paths>({ baseUrl });
const user = granted(await anyone.POST("/users", { body: { username, password } }));
expect(user.posts_url, `/posts?author=${username}`);

// Sign in by HTTP Basic, once; from then on, the token does.
const basic = { Authorization: `Basic ${btoa(`${username}:${password}`)}` };
const { token } = granted(await anyone.POST("/tokens", { headers: basic }));
const ada = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// Publish. With a key you may send it again until there is an answer: it is one post.
const note = { title: "Note A", body: "It *weaves* patterns.", published_at: "1843-09-01T00:00:00Z" };
const once = { body: note, params: { header: { "Idempotency-Key": crypto.randomUUID() } } };
const first = granted(await ada.POST("/posts", once));
const again = granted(await ada.POST("/posts", once));
expect(again, first);
expect(first.published_at, note.published_at);
granted(await ada.POST("/posts", { body: { title: "Note G", body: "Bernoulli.", tags: ["engines"] } }));

// List, a page after the other, the latest first.
const pages: string[][] = [];
let cursor: string | null = null;
do {
  const query = { author: username, limit: 1, ...(cursor && { cursor }) };
  const page: Page = granted(await ada.GET("/posts", { params: { query } }));
  pages.push(page.items.map((post) => post.title));
  cursor = page.next_cursor;
} while (cursor);
expect(pages, [["Note G"], ["Note A"]]);

// Read, with the header fields: the ETag names the version that you revise.
const path = { post_id: first.id };
const read = await ada.GET("/posts/{post_id}", { params: { path } });
expect(granted(read), first);
const asRead = { path, header: ifMatch(read.response) };
const revised = await ada.PATCH("/posts/{post_id}", { params: asRead, body: { title: "Note A, revised" } });
expect(granted(revised).title, "Note A, revised");
expect(granted(revised).body, note.body);

// Nobody's change is lost: who goes by the old version is told to read again.
const stale = refused(await ada.PATCH("/posts/{post_id}", { params: asRead, body: { title: "Lost?" } }));
expect(stale.status, 412);

// What is wrong is told by its place, so that a form can show it there.
const asRevised = { path, header: ifMatch(revised.response) };
const untitled = { title: "", tags: ["engines"] };
const wrong = refused(await ada.PATCH("/posts/{post_id}", { params: asRevised, body: untitled }));
expect(wrong.errors?.[0]?.pointer, "#/title");
expect(wrong.errors?.[0]?.detail, "Length must be between 1 and 200.");

// Remove it: it is gone.
const removed = await ada.DELETE("/posts/{post_id}", { params: asRevised });
expect(removed.response.status, 204);
const gone = refused(await ada.GET("/posts/{post_id}", { params: { path } }));
expect(gone.status, 404);
expect(gone.title, "Not Found");
