// A blog in a browser: each page is a fragment of the URL, each call a fetch to the API of another origin.

const api = document.querySelector("meta[name=pressroom]").content;
const main = document.querySelector("main");
const alertBox = document.querySelector("[role=alert]");
// Until the tab is closed. The token is of this page alone, and expires in a day.
const session = {
  get: () => JSON.parse(sessionStorage.getItem("session")),
  set: (value) => sessionStorage.setItem("session", JSON.stringify(value)),
};

class Problem extends Error {
  constructor(status, problem) {
    const errors = problem.errors?.map((error) => `${error.pointer ?? error.parameter}: ${error.detail}`);
    super(errors?.join(" ") ?? problem.detail);
    Object.assign(this, { status, code: problem.code });
  }
}

async function call(method, path, { body, ...headers } = {}) {
  const token = session.get()?.token;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  // A message to which no reply has come is sent again: PATCH and DELETE by If-Match, POST by Idempotency-Key.
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
      if (response.status === 503 && attempt < 3) {
        await new Promise((resolve) => setTimeout(resolve, 1000 * (response.headers.get("Retry-After") ?? 1)));
        continue;
      }
      const content = response.status === 204 ? null : await response.json();
      if (response.status === 401 && token) {
        leave();
        content.detail = "You are no longer signed in. Copy what you have typed, then sign in again.";
      }
      if (!response.ok) throw new Problem(response.status, content);
      return { content, etag: response.headers.get("ETag") };
    } catch (error) {
      if (error instanceof Problem || attempt === 3) throw error;
    }
  }
}

// Text becomes text nodes, so no post can add markup to the page, but by the HTML that the API has sanitised.
function element(name, properties = {}, ...children) {
  const { dataset, ...others } = properties;
  const made = Object.assign(document.createElement(name), others);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

const link = (href, text) => element("a", { href }, text);
const tagLink = (tag) => link(`#/?${new URLSearchParams({ tag })}`, tag);
const day = (timestamp) => element("time", { dateTime: timestamp }, timestamp.slice(0, 10));
const date = (post) => (post.published_at ? day(post.published_at) : "Draft");
const action = (text, run, properties) =>
  element("button", { type: "button", onclick: (event) => attempt(run, event.currentTarget), ...properties }, text);

function report(error) {
  alertBox.textContent = error instanceof Problem ? error.message : "The site does not respond. Try again.";
}

// The second click of a double click does nothing: until the first one is handled, the button is disabled. It is so by
// aria-disabled, because an element that is `disabled` loses the focus.
async function attempt(run, button) {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  alertBox.textContent = "";
  try {
    await run();
  } catch (error) {
    report(error);
  } finally {
    button.ariaDisabled = null;
  }
}

function leave() {
  session.set(null);
  showSession();
}

function showSession() {
  const signedIn = session.get() !== null;
  for (const each of document.querySelectorAll(".signed-in")) each.hidden = !signedIn;
  for (const each of document.querySelectorAll(".anonymous")) each.hidden = signedIn;
}

// Show a page; the keyboard's focus moves to its heading, as it does when a browser loads a page.
function show(heading, ...content) {
  const title = element("h1", { tabIndex: -1 }, heading);
  main.replaceChildren(title, ...content);
  title.focus();
  document.title = `${heading} – A blog on Pressroom`;
}

async function list(query, tag) {
  const items = element("ul");
  const more = action("More", next);
  const tags = element("nav", { ariaLabel: "Tags" });
  const ofTag = tag ? `?${new URLSearchParams({ tag })}` : "";
  const feeds = ["atom", "json"].map((format) => link(`${api}/feed.${format}${ofTag}`, `feed.${format}`));
  const heading = query ? `Posts with “${query}”` : tag ? `Posts on ${tag}` : "Posts";
  show(heading, tags, items, more, element("p", { className: "actions" }, "Subscribe:", ...feeds));
  let cursor = "";
  async function next() {
    const before = items.childElementCount;
    // A page may be empty, and not the last one.
    while (cursor !== null && items.childElementCount === before) {
      const parameters = new URLSearchParams({
        limit: 10,
        ...(query && { q: query }),
        ...(tag && { tag }),
        ...(cursor && { cursor }),
      });
      const { content } = await call("GET", `/posts?${parameters}`);
      for (const post of content.items)
        items.append(element("li", {}, link(`#/posts/${post.id}`, post.title), " by ", post.author.display_name, " ", date(post)));
      cursor = content.next_cursor;
    }
    more.hidden = cursor === null;
    if (!items.childElementCount) items.replaceWith(element("p", {}, "Nothing found."));
  }
  try {
    await next();
  } catch (error) {
    if (!query || error.status !== 422 || !items.isConnected) throw error;
    return show(heading, element("p", {}, "To search, write at least one letter or digit, and at most 200 characters."));
  }
  await listTags(tags, tag).catch((error) => tags.isConnected && report(error));
}

async function listTags(tags, tag) {
  let after = "";
  while (after !== null && tags.childElementCount < 100) {
    const parameters = new URLSearchParams({ limit: 100, ...(after && { cursor: after }) });
    const { content } = await call("GET", `/tags?${parameters}`);
    for (const each of content.items) {
      const made = tagLink(each.tag);
      if (each.tag === tag) made.ariaCurrent = "true";
      tags.append(made);
    }
    after = content.next_cursor;
  }
}

async function read(path) {
  const shown = location.hash;
  const { content: post } = await call("GET", `${path}?expand=html`);
  if (location.hash !== shown) return; // a later page, in which something may have been typed
  // The API has sanitised the HTML. It is null if it and the body are too large for a page.
  const body = element("article", post.html === null ? { textContent: post.body } : { innerHTML: post.html });
  const actions = element("p", { className: "actions" }, ...post.tags.map(tagLink));
  if (post.author.username === session.get()?.username) actions.append(link(`#/edit${path}`, "Edit"));
  if (session.get() !== null) actions.append(await likeButton(path));
  if (location.hash !== shown) return;
  const comments = element("section", { ariaLabel: "Comments" });
  show(post.title, element("p", {}, post.author.display_name, " ", date(post)), body, actions, comments);
  await listComments(comments, post).catch((error) => comments.isConnected && report(error));
}

async function likeButton(path) {
  const isMissing = (error) => error.status === 404 || Promise.reject(error);
  let isLiked = (await call("GET", `${path}/like`).catch(isMissing)) !== true;
  const button = action("Like", toggle, { ariaPressed: isLiked });
  async function toggle() {
    await call(isLiked ? "DELETE" : "PUT", `${path}/like`); // either can be repeated
    button.ariaPressed = isLiked = !isLiked;
  }
  return button;
}

// What is typed below a post is stored until it is published, also while another page is shown. Each text has its own
// Idempotency-Key: sent again, it is the same comment; after an edit, it is another one.
const unpublished = new Map();

async function listComments(section, post) {
  const path = `/posts/${post.id}/comments`;
  const heading = element("h2", { tabIndex: -1 }, "Comments");
  const [items, added] = [element("ol"), element("ol")]; // those of the pages read, and those that were written here
  const more = action("More comments", next, { hidden: true });
  section.append(heading, items, more, added, post.comments === "open" ? commentForm() : "Comments are closed.");
  let cursor = "";
  await next();

  async function next() {
    const before = items.childElementCount;
    while (cursor !== null && items.childElementCount === before) {
      const parameters = new URLSearchParams({ limit: 10, expand: "html", ...(cursor && { cursor }) });
      const { content } = await call("GET", `${path}?${parameters}`);
      for (const comment of content.items) {
        added.querySelector(`[data-id="${comment.id}"]`)?.remove();
        items.append(itemOf(comment));
      }
      cursor = content.next_cursor;
      more.hidden = cursor === null;
    }
  }

  function itemOf(comment) {
    const { display_name: name, username } = comment.author;
    const body = element("div", comment.html === null ? { textContent: comment.body } : { innerHTML: comment.html });
    const item = element("li", { tabIndex: -1, dataset: { id: comment.id } }, name, " ", day(comment.created_at), body);
    if ([username, post.author.username].includes(session.get()?.username))
      item.append(action("Delete", () => remove(item, comment), { ariaLabel: `Delete the comment by ${name}` }));
    return item;
  }

  async function remove(item, comment) {
    try {
      await call("DELETE", `/comments/${comment.id}`, { "If-Match": `"${comment.revision}"` });
    } catch (error) {
      if (error.status === 412) {
        const { content } = await call("GET", `/comments/${comment.id}?expand=html`);
        const current = itemOf(content);
        item.replaceWith(current);
        current.focus();
        alertBox.textContent = "The comment has been changed since you read it. This is the text now; it is not deleted.";
        return;
      }
      if (error.status !== 404) throw error; // deleted already, perhaps by a request to which no reply has come
    }
    item.remove();
    heading.focus();
  }

  function commentForm() {
    if (session.get() === null) return "Sign in to comment.";
    const { body = "" } = unpublished.get(post.id) ?? {};
    const text = element("textarea", { required: true, maxLength: 10_000, value: body, dataset: { post: post.id } });
    const button = element("button", {}, "Comment");
    text.oninput = () => unpublished.set(post.id, { body: text.value, key: crypto.randomUUID() });
    const made = element("form", {}, element("label", {}, "Your comment (Markdown)", text), button);
    made.onsubmit = (event) => (event.preventDefault(), attempt(publish, button));
    return made;

    async function publish() {
      const { body, key } = unpublished.get(post.id);
      const { content } = await call("POST", path, { body: { body }, "Idempotency-Key": key });
      if (unpublished.get(post.id)?.key === key) {
        unpublished.delete(post.id);
        // It may be another form, if this page has been left and opened again.
        for (const each of document.querySelectorAll(`[data-post="${post.id}"]`)) each.value = "";
      }
      const { content: comment } = await call("GET", `/comments/${content.id}?expand=html`);
      const item = itemOf(comment);
      added.append(item);
      item.focus();
    }
  }
}

// The reply may come when another page is shown.
const go = (from, hash) => from.isConnected && (location.hash = hash);

function form(heading, fields, text, submit) {
  const button = element("button", {}, text);
  const made = element("form");
  made.onsubmit = (event) => (event.preventDefault(), attempt(() => submit(made.elements), button));
  for (const [name, label, value, type] of fields) {
    const autocomplete = { username: "username", password: "current-password" }[name] ?? "off";
    const input = element(type === "textarea" ? "textarea" : "input", { name, value, autocomplete, required: true });
    if (type && type !== "textarea") input.type = type;
    made.append(element("label", {}, label, input));
  }
  made.append(button);
  show(heading, made);
  return made;
}

function signIn() {
  const made = form("Sign in", [["username", "Username"], ["password", "Password", "", "password"]], "Sign in", async (input) => {
    leave(); // a request has either a token or credentials
    const credentials = { username: input.username.value, password: input.password.value };
    const { content } = await call("POST", "/tokens", { body: { ...credentials, name: "blog", expires_in_days: 1 } });
    session.set({ username: credentials.username, token: content.token, id: content.id });
    showSession();
    if (location.hash === "#/sign-in") go(made, "#/");
    else if (made.isConnected) route(); // the page that required it
  });
}

function write() {
  // One key for this form: however often it is sent, the post is published once.
  const key = crypto.randomUUID();
  const made = form("Write", [["title", "Title"], ["body", "Text (Markdown)", "", "textarea"]], "Publish", async (input) => {
    const body = { title: input.title.value, body: input.body.value };
    const { content } = await call("POST", "/posts", { body, "Idempotency-Key": key });
    go(made, `#/posts/${content.id}`);
  });
}

async function edit(path) {
  const shown = location.hash;
  let { content: post, etag } = await call("GET", path);
  if (location.hash !== shown) return;
  const fields = [["title", "Title", post.title], ["body", "Text (Markdown)", post.body, "textarea"]];
  const made = form("Edit", fields, "Save", save);
  async function save(input) {
    try {
      await call("PATCH", path, { body: { title: input.title.value, body: input.body.value }, "If-Match": etag });
    } catch (error) {
      if (error.status !== 412) throw error;
      const current = await call("GET", path);
      // Otherwise it is what this page has saved, in a request to which no reply has come.
      if (current.content.title !== input.title.value || current.content.body !== input.body.value)
        return showConflict(input, current);
    }
    go(made, `#${path}`);
  }
  function showConflict(input, { content: theirs, etag: newer }) {
    const box = element("section", { className: "conflict" });
    const resolve = (run) => () => ((etag = newer), box.remove(), run());
    box.append(
      element("h2", {}, "This post has been changed since you opened it"),
      element("p", {}, "Nothing is lost: your text is in the form. This is the text that has been saved:"),
      element("h3", {}, theirs.title),
      element("pre", {}, theirs.body),
      action("Save my text instead", resolve(() => save(input))),
      " ",
      action("Take the saved text", resolve(() => ((input.title.value = theirs.title), (input.body.value = theirs.body)))),
    );
    made.before(box);
  }
}

function showPage(hash) {
  const [path, query] = hash.slice(1).split("?");
  const signedIn = session.get() !== null;
  if (path.startsWith("/posts/")) return read(path);
  if (path.startsWith("/edit/")) return signedIn ? edit(path.slice(5)) : signIn();
  if (path === "/sign-in") return signIn();
  if (path === "/write") return signedIn ? write() : signIn();
  const filters = new URLSearchParams(query);
  return list(filters.get("q"), filters.get("tag"));
}

async function route() {
  const shown = location.hash;
  const signedIn = session.get() !== null;
  alertBox.textContent = "";
  try {
    await showPage(shown);
  } catch (error) {
    if (location.hash !== shown) return; // a later page, in which something may have been typed
    if (error.status === 401 && signedIn) return route(); // the token has expired: as an anonymous reader
    show(error.status === 404 ? "Not found" : "This page cannot be shown");
    report(error);
  }
}

document.querySelector("#search").onsubmit = (event) => {
  event.preventDefault();
  location.hash = `#/?${new URLSearchParams(new FormData(event.target))}`;
};
document.querySelector("#sign-out").onclick = (event) =>
  attempt(async () => {
    try {
      await call("DELETE", `/tokens/${session.get().id}`);
    } catch (error) {
      if (error.status !== 401) throw error; // it has expired
    }
    leave();
    unpublished.clear();
    location.hash = "#/";
  }, event.currentTarget);
// The fragment of a link in a post, such as #end, is no page: the browser scrolls, and the URL remains the post's.
window.onhashchange = ({ oldURL }) => {
  if (location.hash.startsWith("#/")) route();
  else history.replaceState(null, "", oldURL);
};
if (!location.hash.startsWith("#/")) history.replaceState(null, "", "#/");
showSession();
route();
