/**
 * A post from creation to deletion, in TypeScript, with openapi-fetch and the types that openapi-typescript generates.
 * openapi/README.md says how to run it.
 */

import createClient from "openapi-fetch";
import type { components, paths } from "./pressroom.d.ts";

type Page = components["schemas"]["PostSummaryPage"];
type CommentPage = components["schemas"]["CommentPage"];
type Changes = components["schemas"]["PostChanges"];
type Problem = components["schemas"]["Problem"];

/** Return the data of a successful response. */
function success<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (data === undefined) throw new Error(`Expected data, got ${JSON.stringify(error)}`);
  return data;
}

/** Return the problem of an error response. */
function problem({ data, error }: { data?: unknown; error?: Problem }): Problem {
  if (error === undefined) throw new Error(`Expected a problem, got ${JSON.stringify(data)}`);
  return error;
}

/** Return the header field that makes a change conditional on the version in a response. */
function ifMatch({ headers }: Response): { "If-Match": string } {
  const tag = headers.get("ETag");
  if (tag === null) throw new Error("The response has no ETag");
  return { "If-Match": tag };
}

function expect<T>(actual: T, expected: T): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`Expected ${wanted}, got ${got}`);
}

declare const process: { argv: string[] }; // from Node; all else is the web platform's
const baseUrl = process.argv[2] ?? "http://127.0.0.1:8000";
const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
const password = "correct horse battery staple";

// Register.
const anyone = createClient<paths>({ baseUrl });
const user = success(await anyone.POST("/users", { body: { username, password } }));
expect(user.posts_url, `/posts?author=${username}`);

// Sign in once; later requests send the token.
const { token } = success(await anyone.POST("/tokens", { body: { username, password } }));
const ada = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

// Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
const note = { title: "Note A", body: "It *weaves* patterns.", published_at: "1843-09-01T00:00:00Z" };
const once = { body: note, params: { header: { "Idempotency-Key": crypto.randomUUID() } } };
const first = success(await ada.POST("/posts", once));
const again = success(await ada.POST("/posts", once));
expect(again, first);
expect(first.published_at, note.published_at);

// A slug names the post among those of its author; metadata are the client's own.
const metadata = { cover: "https://example.com/engine.jpg" };
const numbers = { title: "Note G", body: "Bernoulli.", slug: "note-g", tags: ["engines", "日本"], metadata };
const second = success(await ada.POST("/posts", { body: numbers }));
expect([second.slug, second.tags, second.metadata], [numbers.slug, numbers.tags, metadata]);
const taken = problem(await ada.POST("/posts", { body: numbers }));
expect([taken.status, taken.code], [409, "slug-taken"]);

// List page by page, newest first.
const pages: string[][] = [];
let cursor: string | null = null;
do {
  const query = { author: username, limit: 1, ...(cursor && { cursor }) };
  const page: Page = success(await ada.GET("/posts", { params: { query } }));
  pages.push(page.items.map((post) => post.title));
  cursor = page.next_cursor;
} while (cursor);
expect(pages, [["Note G"], ["Note A"]]);

// Search: every word must be in the title or the body, and those in quotation marks must follow each other.
const search = { author: username, q: '"weaves patterns" NOTE' };
const found = success(await ada.GET("/posts", { params: { query: search } }));
expect(found.items.map((post) => post.title), ["Note A"]);

// Read a post as HTML that is safe on any page.
const asHtml = { path: { post_id: first.id }, query: { expand: "html" } } as const;
const shown = success(await ada.GET("/posts/{post_id}", { params: asHtml }));
expect(shown.html, "<p>It <em>weaves</em> patterns.</p>\n");

// List the tags of published posts, and read what feed readers read.
const tags = success(await ada.GET("/tags", { params: { query: { limit: 100 } } }));
const listed = tags.items.map((each) => each.tag);
expect(numbers.tags.every((tag) => listed.includes(tag)), true);
const byAda = { params: { query: { author: username } } };
const feed = success(await ada.GET("/feed.json", byAda));
expect(feed.items.map((item) => item.title), ["Note G", "Note A"]);
const atom = success(await ada.GET("/feed.atom", { ...byAda, parseAs: "text" }));
expect(atom.split("<entry>").length, 3);

// Follow another user, whose posts are then in the timeline.
const readerName = `bob-${crypto.randomUUID().slice(0, 8)}`;
success(await anyone.POST("/users", { body: { username: readerName, password } }));
const bobs = success(await anyone.POST("/tokens", { body: { username: readerName, password } }));
const bob = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${bobs.token}` } });
const byName = { path: { username } };
for (let repetition = 0; repetition < 2; repetition += 1) { // a repetition changes nothing
  const followed = await bob.PUT("/users/{username}/follow", { params: byName });
  expect(followed.response.status, 204);
}
const followers = success(await bob.GET("/users/{username}/followers", { params: byName }));
expect(followers.items.map((follower) => follower.username), [readerName]);
const timeline = success(await bob.GET("/timeline"));
expect(timeline.items.map((post) => post.title), ["Note G", "Note A"]);
const oneself = problem(await ada.PUT("/users/{username}/follow", { params: byName }));
expect([oneself.status, oneself.code], [409, "follows-oneself"]);
const unfollowed = await bob.DELETE("/users/{username}/follow", { params: byName });
expect(unfollowed.response.status, 204);

// Like a post. It is one like, however often it is sent, and the post stays as it is.
const byId = { params: { path: { post_id: first.id } } };
for (let repetition = 0; repetition < 2; repetition += 1) {
  expect((await bob.PUT("/posts/{post_id}/like", byId)).response.status, 204);
}
expect(success(await bob.GET("/posts/{post_id}/like", byId)).post_id, first.id);
const likers = success(await bob.GET("/posts/{post_id}/likes", byId));
expect(likers.items.map((liker) => liker.username), [readerName]);
const liked = success(await bob.GET("/users/{username}/likes", { params: { path: { username: readerName } } }));
expect(liked.items.map((post) => post.title), ["Note A"]);
expect((await bob.DELETE("/posts/{post_id}/like", byId)).response.status, 204);
expect(problem(await bob.GET("/posts/{post_id}/like", byId)).status, 404);

// Comment on a post. With an idempotency key, repeating the request creates no second comment.
const remark = { body: "It *does*." };
const header = { "Idempotency-Key": crypto.randomUUID() };
const onFirst = { body: remark, params: { ...byId.params, header } };
const comment = success(await bob.POST("/posts/{post_id}/comments", onFirst));
expect(success(await bob.POST("/posts/{post_id}/comments", onFirst)), comment);
const reply = success(await bob.POST("/posts/{post_id}/comments", { ...byId, body: { body: "Or does it?" } }));

// List the comments page by page, oldest first, and read one as HTML.
const bodies: string[] = [];
let nextComments: string | null = null;
do {
  const query = { limit: 1, ...(nextComments && { cursor: nextComments }) };
  const comments: CommentPage = success(
    await ada.GET("/posts/{post_id}/comments", { params: { ...byId.params, query } }),
  );
  bodies.push(...comments.items.map((each) => each.body));
  nextComments = comments.next_cursor;
} while (nextComments);
expect(bodies, ["It *does*.", "Or does it?"]);
const commentAsHtml = { path: { comment_id: comment.id }, query: { expand: "html" } } as const;
expect(success(await ada.GET("/comments/{comment_id}", { params: commentAsHtml })).html, "<p>It <em>does</em>.</p>\n");

// Revise a comment, but only the version that was read.
const asWritten = { path: commentAsHtml.path, header: { "If-Match": `"${comment.revision}"` } };
const correction = { params: asWritten, body: { body: "It does." } };
const corrected = success(await bob.PATCH("/comments/{comment_id}", correction));
expect(corrected.body, "It does.");
const lost = { params: asWritten, body: { body: "Lost?" } };
expect(problem(await bob.PATCH("/comments/{comment_id}", lost)).status, 412);

// The writer of a comment deletes it, or the author of the post.
const asCorrected = { path: commentAsHtml.path, header: { "If-Match": `"${corrected.revision}"` } };
expect((await bob.DELETE("/comments/{comment_id}", { params: asCorrected })).response.status, 204);
const asReplied = { path: { comment_id: reply.id }, header: { "If-Match": `"${reply.revision}"` } };
expect((await ada.DELETE("/comments/{comment_id}", { params: asReplied })).response.status, 204);
expect(success(await ada.GET("/posts/{post_id}/comments", byId)).items, []);

// Close a post to new comments.
const toClose = { path: { post_id: second.id }, header: { "If-Match": `"${second.revision}"` } };
success(await ada.PATCH("/posts/{post_id}", { params: toClose, body: { comments: "closed" } }));
const onSecond = { params: { path: toClose.path }, body: remark };
const tooLate = problem(await bob.POST("/posts/{post_id}/comments", onSecond));
expect([tooLate.status, tooLate.code], [409, "comments-closed"]);

// Only admins suspend users.
const byReader = { path: { username: readerName } };
const notAllowed = problem(await ada.PUT("/users/{username}/suspension", { params: byReader }));
expect([notAllowed.status, notAllowed.code], [403, "forbidden"]);

// A token that can only read is enough for a reader or a preview.
const preview = { username, password, name: "preview", scope: "read", expires_in_days: 1 } as const;
const issued = success(await anyone.POST("/tokens", { body: preview }));
const reader = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${issued.token}` } });
expect(success(await reader.GET("/posts/{post_id}", { params: { path: { post_id: first.id } } })), first);
const forbidden = problem(await reader.POST("/posts", { body: note }));
expect([forbidden.status, forbidden.code], [403, "insufficient-scope"]);

// Read with the header fields: the ETag identifies the version to revise.
const path = { post_id: first.id };
const read = await ada.GET("/posts/{post_id}", { params: { path } });
expect(success(read), first);
const asRead = { path, header: ifMatch(read.response) };
const revised = await ada.PATCH("/posts/{post_id}", { params: asRead, body: { title: "Note A, revised" } });
expect(success(revised).title, "Note A, revised");
expect(success(revised).body, note.body);

// No update is lost: a change of an old version is rejected.
const stale = problem(await ada.PATCH("/posts/{post_id}", { params: asRead, body: { title: "Lost?" } }));
expect(stale.status, 412);

// Validation errors name their place, so that a form can show each next to its field.
const asRevised = { path, header: ifMatch(revised.response) };
const untitled = { title: "", tags: ["engines"] };
const wrong = problem(await ada.PATCH("/posts/{post_id}", { params: asRevised, body: untitled }));
expect(wrong.errors?.[0]?.pointer, "#/title");
expect(wrong.errors?.[0]?.detail, "Length must be between 1 and 200.");

// Follow the changes: the first requests list all posts, later ones what has changed since.
const copies = new Map<number, Changes["items"][number]["post"]>();
let since: string | undefined;
async function follow(): Promise<void> {
  let changes: Changes;
  do {
    const query = since ? { since } : {};
    changes = success(await ada.GET("/changes/posts", { params: { query } }));
    for (const { id, post } of changes.items) copies.set(id, post);
    since = changes.next_since;
  } while (changes.has_more);
}
await follow();
expect(copies.get(first.id)?.title, "Note A, revised");

// Remove the post.
const removed = await ada.DELETE("/posts/{post_id}", { params: asRevised });
expect(removed.response.status, 204);
await follow();
expect(copies.get(first.id), null);
const gone = problem(await ada.GET("/posts/{post_id}", { params: { path } }));
expect(gone.status, 404);
expect(gone.title, "Not Found");

// Publish a file at a slug. The request creates the post, or else replaces the version that it names.
const atSlug = { username, slug: "note-b" };
const file = { title: "Note B", body: "From a file.", published_at: "1843-09-01T00:00:00Z" };
const create = { path: atSlug, header: { "If-None-Match": "*" } } as const;
const created = success(await ada.PUT("/users/{username}/posts/{slug}", { params: create, body: file }));
const exists = problem(await ada.PUT("/users/{username}/posts/{slug}", { params: create, body: file }));
expect(exists.status, 412);
const replace = { path: atSlug, header: { "If-Match": `"${created.revision}"` } };
expect(success(await ada.PUT("/users/{username}/posts/{slug}", { params: replace, body: file })), created);
const revisedFile = { ...file, title: "Note B, revised" };
const replaced = success(await ada.PUT("/users/{username}/posts/{slug}", { params: replace, body: revisedFile }));
expect([replaced.id, replaced.title], [created.id, "Note B, revised"]);
expect(success(await ada.GET("/users/{username}/posts/{slug}", { params: { path: atSlug } })), replaced);
