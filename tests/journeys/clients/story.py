"""A post from creation to deletion, in Python, with the client that openapi-python-client generates.

openapi/README.md says how to run it.
"""

import sys
from datetime import UTC, datetime
from uuid import uuid4

from pressroom_client import AuthenticatedClient, Client
from pressroom_client.api.changes import list_post_changes
from pressroom_client.api.comments import create_comment, list_comments, read_comment, remove_comment, revise_comment
from pressroom_client.api.feeds import read_atom_feed, read_json_feed
from pressroom_client.api.follows import follow_user, list_followers, unfollow_user
from pressroom_client.api.likes import like_post, list_liked_posts, list_likers, read_like, unlike_post
from pressroom_client.api.posts import (
    list_posts,
    publish_post,
    put_post,
    read_post,
    read_post_by_slug,
    remove_post,
    revise_post,
)
from pressroom_client.api.suspensions import suspend_user
from pressroom_client.api.tags import list_tags
from pressroom_client.api.timeline import read_timeline
from pressroom_client.api.tokens import create_token
from pressroom_client.api.users import register_user
from pressroom_client.models import (
    Comment,
    CommentCreate,
    CommentPage,
    CommentPatch,
    FollowingUserPage,
    IssuedToken,
    JSONFeed,
    Like,
    LikedPostPage,
    LikerPage,
    Metadata,
    Post,
    PostChanges,
    PostCreate,
    PostPatch,
    PostPatchComments,
    PostPut,
    PostSummary,
    PostSummaryPage,
    Problem,
    ReadCommentExpand,
    ReadPostExpand,
    TagPage,
    TokenCreate,
    TokenCreateScope,
    User,
    UserCreate,
)
from pressroom_client.types import UNSET, Unset

url = sys.argv[1] if sys.argv[1:] else "http://127.0.0.1:8000"
username, password = f"ada-{uuid4().hex[:8]}", "correct horse battery staple"

# Register. The result is a User or a Problem: after the assertion, the type checker knows its attributes.
user = register_user.sync(
    client=Client(base_url=url),  # type: ignore[arg-type] # the generator makes it required (its issue 1372)
    body=UserCreate(username=username, password=password),
)
assert isinstance(user, User), user
assert user.posts_url == f"/posts?author={username}"

# Sign in once; later requests send the token.
signed_in = create_token.sync(
    client=Client(base_url=url),  # type: ignore[arg-type] # as above
    body=TokenCreate(username=username, password=password),
)
assert isinstance(signed_in, IssuedToken), signed_in
ada = AuthenticatedClient(base_url=url, token=signed_in.token, raise_on_unexpected_status=True)

# Publish. With an idempotency key, a request can be repeated until there is a response: it creates one post.
note = PostCreate(title="Note A", body="It *weaves* patterns.", published_at=datetime(1843, 9, 1, tzinfo=UTC))
key = str(uuid4())
first = publish_post.sync(client=ada, body=note, idempotency_key=key)
again = publish_post.sync(client=ada, body=note, idempotency_key=key)
assert isinstance(first, Post), first
assert first == again, again
assert first.published_at == note.published_at, first

# A slug names the post among those of its author; metadata are the client's own.
metadata = Metadata.from_dict({"cover": "https://example.com/engine.jpg"})
numbers = PostCreate(title="Note G", body="Bernoulli.", slug="note-g", tags=["Engines", "日本"], metadata=metadata)
second = publish_post.sync(client=ada, body=numbers)
assert isinstance(second, Post), second
assert (second.slug, second.tags, second.metadata["cover"]) == ("note-g", ["engines", "日本"], metadata["cover"]), (
    second
)
taken = publish_post.sync(client=ada, body=numbers)
assert isinstance(taken, Problem), taken
assert (taken.status, taken.code) == (409, "slug-taken"), taken

# List page by page, newest first.
pages: list[list[str]] = []
cursor: str | Unset | None = UNSET
while cursor is not None:
    page = list_posts.sync(client=ada, author=username, limit=1, cursor=cursor)
    assert isinstance(page, PostSummaryPage), page
    pages.append([post.title for post in page.items])
    cursor = page.next_cursor
assert pages == [["Note G"], ["Note A"]], pages

# Search: every word must be in the title or the body, and those in quotation marks must follow each other.
found = list_posts.sync(client=ada, author=username, q='"weaves patterns" NOTE')
assert isinstance(found, PostSummaryPage), found
assert [post.title for post in found.items] == ["Note A"], found

# Read a post as HTML that is safe on any page.
shown = read_post.sync(first.id, client=ada, expand=ReadPostExpand.HTML)
assert isinstance(shown, Post), shown
assert shown.html == "<p>It <em>weaves</em> patterns.</p>\n", shown

# List the tags of published posts, and read what feed readers read.
tags = list_tags.sync(client=ada, limit=100)
assert isinstance(tags, TagPage), tags
assert {"engines", "日本"} <= {each.tag for each in tags.items}, tags
feed = read_json_feed.sync(client=ada, author=username)
assert isinstance(feed, JSONFeed), feed
assert [(item.title, item.tags) for item in feed.items] == [("Note G", ["engines", "日本"]), ("Note A", [])], feed
atom = read_atom_feed.sync(client=ada, author=username)
assert isinstance(atom, str), atom
assert atom.count("<entry>") == 2, atom

# Follow another user, whose posts are then in the timeline.
reader_name = f"bob-{uuid4().hex[:8]}"
bob_user = register_user.sync(
    client=Client(base_url=url),  # type: ignore[arg-type] # as above
    body=UserCreate(username=reader_name, password=password),
)
assert isinstance(bob_user, User), bob_user
bobs = create_token.sync(
    client=Client(base_url=url),  # type: ignore[arg-type] # as above
    body=TokenCreate(username=reader_name, password=password),
)
assert isinstance(bobs, IssuedToken), bobs
bob = AuthenticatedClient(base_url=url, token=bobs.token, raise_on_unexpected_status=True)
for _ in range(2):  # a repetition changes nothing
    assert follow_user.sync_detailed(username, client=bob).status_code == 204
followers = list_followers.sync(username, client=bob)
assert isinstance(followers, FollowingUserPage), followers
assert [follower.username for follower in followers.items] == [reader_name], followers
timeline = read_timeline.sync(client=bob)
assert isinstance(timeline, PostSummaryPage), timeline
assert [post.title for post in timeline.items] == ["Note G", "Note A"], timeline
oneself = follow_user.sync(username, client=ada)
assert isinstance(oneself, Problem), oneself
assert (oneself.status, oneself.code) == (409, "follows-oneself"), oneself
assert unfollow_user.sync_detailed(username, client=bob).status_code == 204

# Like a post. It is one like, however often it is sent, and the post stays as it is.
for _ in range(2):
    assert like_post.sync_detailed(first.id, client=bob).status_code == 204
like = read_like.sync(first.id, client=bob)
assert isinstance(like, Like), like
assert like.post_id == first.id, like
likers = list_likers.sync(first.id, client=bob)
assert isinstance(likers, LikerPage), likers
assert [liker.username for liker in likers.items] == [reader_name], likers
liked = list_liked_posts.sync(reader_name, client=bob)
assert isinstance(liked, LikedPostPage), liked
assert [post.title for post in liked.items] == ["Note A"], liked
assert unlike_post.sync_detailed(first.id, client=bob).status_code == 204
unliked = read_like.sync(first.id, client=bob)
assert isinstance(unliked, Problem), unliked
assert unliked.status == 404, unliked

# Comment on a post. With an idempotency key, repeating the request creates no second comment.
remark = CommentCreate(body="It *does*.")
key = str(uuid4())
comment = create_comment.sync(first.id, client=bob, body=remark, idempotency_key=key)
assert isinstance(comment, Comment), comment
assert create_comment.sync(first.id, client=bob, body=remark, idempotency_key=key) == comment
reply = create_comment.sync(first.id, client=bob, body=CommentCreate(body="Or does it?"))
assert isinstance(reply, Comment), reply

# List the comments page by page, oldest first, and read one as HTML.
bodies: list[str] = []
next_comments: str | Unset | None = UNSET
while next_comments is not None:
    comments = list_comments.sync(first.id, client=ada, limit=1, cursor=next_comments)
    assert isinstance(comments, CommentPage), comments
    bodies += [each.body for each in comments.items]
    next_comments = comments.next_cursor
assert bodies == ["It *does*.", "Or does it?"], bodies
safe = read_comment.sync(comment.id, client=ada, expand=ReadCommentExpand.HTML)
assert isinstance(safe, Comment), safe
assert safe.html == "<p>It <em>does</em>.</p>\n", safe

# Revise a comment, but only the version that was read.
version, correction = f'"{comment.revision}"', CommentPatch(body="It does.")
corrected = revise_comment.sync(comment.id, client=bob, body=correction, if_match=version)
assert isinstance(corrected, Comment), corrected
assert corrected.body == "It does.", corrected
outdated = revise_comment.sync(comment.id, client=bob, body=CommentPatch(body="Lost?"), if_match=version)
assert isinstance(outdated, Problem), outdated
assert outdated.status == 412, outdated

# The writer of a comment deletes it, or the author of the post.
version = f'"{corrected.revision}"'
assert remove_comment.sync_detailed(comment.id, client=bob, if_match=version).status_code == 204
assert remove_comment.sync_detailed(reply.id, client=ada, if_match=f'"{reply.revision}"').status_code == 204
emptied = list_comments.sync(first.id, client=ada)
assert isinstance(emptied, CommentPage), emptied
assert emptied.items == [], emptied

# Close a post to new comments.
closing = PostPatch(comments=PostPatchComments.CLOSED)
closed = revise_post.sync(second.id, client=ada, body=closing, if_match=f'"{second.revision}"')
assert isinstance(closed, Post), closed
too_late = create_comment.sync(second.id, client=bob, body=remark)
assert isinstance(too_late, Problem), too_late
assert (too_late.status, too_late.code) == (409, "comments-closed"), too_late

# Only admins suspend users.
forbidden = suspend_user.sync(reader_name, client=ada)
assert isinstance(forbidden, Problem), forbidden
assert (forbidden.status, forbidden.code) == (403, "forbidden"), forbidden

# A token that can only read is enough for a reader or a preview.
preview = TokenCreate(
    username=username, password=password, name="preview", scope=TokenCreateScope.READ, expires_in_days=1
)
issued = create_token.sync(
    client=Client(base_url=url),  # type: ignore[arg-type] # as above
    body=preview,
)
assert isinstance(issued, IssuedToken), issued
reader = AuthenticatedClient(base_url=url, token=issued.token, raise_on_unexpected_status=True)
assert read_post.sync(first.id, client=reader) == first
forbidden = publish_post.sync(client=reader, body=note)
assert isinstance(forbidden, Problem), forbidden
assert (forbidden.status, forbidden.code) == (403, "insufficient-scope"), forbidden

# Read with the header fields: the ETag identifies the version to revise.
read = read_post.sync_detailed(first.id, client=ada)
assert read.parsed == first, read
old = read.headers["ETag"]
revised = revise_post.sync_detailed(first.id, client=ada, if_match=old, body=PostPatch(title="Note A, revised"))
assert isinstance(revised.parsed, Post), revised
assert (revised.parsed.title, revised.parsed.body) == ("Note A, revised", note.body), revised

# No update is lost: a change of an old version is rejected.
stale = revise_post.sync(first.id, client=ada, if_match=old, body=PostPatch(title="Lost?"))
assert isinstance(stale, Problem), stale
assert stale.status == 412, stale

# Validation errors name their place, so that a form can show each next to its field.
current = revised.headers["ETag"]
untitled = PostPatch(title="", tags=["engines"])
wrong = revise_post.sync(first.id, client=ada, if_match=current, body=untitled)
assert isinstance(wrong, Problem), wrong
assert wrong.errors, wrong
assert wrong.errors[0].pointer == "#/title", wrong
assert wrong.errors[0].detail == "Length must be between 1 and 200.", wrong


# Follow the changes: the first requests list all posts, later ones what has changed since.
def follow(since: str | Unset = UNSET) -> tuple[dict[int, PostSummary | None], str]:
    """Return the posts that have changed, None if they are no longer public, and the token for the next time."""
    posts: dict[int, PostSummary | None] = {}
    while True:
        changes = list_post_changes.sync(client=ada, since=since)
        assert isinstance(changes, PostChanges), changes
        posts.update({change.id: change.post for change in changes.items})
        since = changes.next_since
        if not changes.has_more:
            return posts, since


copies, token = follow()
copy = copies[first.id]
assert copy, copies
assert copy.title == "Note A, revised", copy

# Remove the post.
removed = remove_post.sync_detailed(first.id, client=ada, if_match=current)
assert removed.status_code == 204, removed
copies, token = follow(token)
assert copies[first.id] is None, copies
gone = read_post.sync(first.id, client=ada)
assert isinstance(gone, Problem), gone
assert (gone.status, gone.title) == (404, "Not Found"), gone

# Publish a file at a slug. The request creates the post, or else replaces the version that it names.
file = PostPut(title="Note B", body="From a file.", published_at=datetime(1843, 9, 1, tzinfo=UTC))
created = put_post.sync(username, "note-b", client=ada, body=file, if_none_match="*")
assert isinstance(created, Post), created
exists = put_post.sync(username, "note-b", client=ada, body=file, if_none_match="*")
assert isinstance(exists, Problem), exists
assert exists.status == 412, exists
unchanged = put_post.sync(username, "note-b", client=ada, body=file, if_match=f'"{created.revision}"')
assert unchanged == created, unchanged
file.title = "Note B, revised"
replaced = put_post.sync(username, "note-b", client=ada, body=file, if_match=f'"{created.revision}"')
assert isinstance(replaced, Post), replaced
assert (replaced.id, replaced.title) == (created.id, "Note B, revised"), replaced
assert read_post_by_slug.sync(username, "note-b", client=ada) == replaced
