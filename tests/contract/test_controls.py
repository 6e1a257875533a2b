"""Negative controls: each bug, planted in a copy of the code, must be found by the contract tests.

They show that those tests can fail; of the change feeds, the one with more events, which is nightly. They are slow:
`make controls` runs all, `.ci/run` four.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.paths import PROJECT_ROOT


class Control(NamedTuple):
    """A bug: the module, the code that it replaces, the tests that find it, and what they report."""

    module: str
    original: str
    planted: str
    tests: str
    report: str


SCHEMATHESIS, RESPONSES = "contract/test_schemathesis.py", "contract/test_responses.py"
HOSTILE, OWASP = "contract/test_hostile.py", "contract/test_owasp.py"
CHANGES = "contract/test_change_feed.py::test_mirrors_have_what_the_lists_have_after_more_events"
SUSPENSIONS = "store/test_suspensions.py"
WITHHOLD = 'db.execute_many(_WITHHOLD, [{"moved_id": row.id, "at": at} for row in rows])\n        '
WAS_PUBLIC = '        was_public_until=sa.bindparam("at", type_=Timestamp()),\n'
FOLLOWS, TIMELINE = "store/test_follows.py", "store/test_timeline.py"
FEEDS, TAGS, LIKES = "resources/test_feeds.py", "resources/test_tags.py", "resources/test_likes.py"
BY_SLUG = "resources/test_posts_slugs.py"
PUBLISH = "return posts.publish(request.db, author_id=request.current_user.id, **content)"
LOSE = """post = posts.publish(request.db, author_id=request.current_user.id, **content)
        posts.remove(request.db, post)
        return post"""
NO_PREFIX = "if not token.startswith(TOKEN_PREFIX):\n        return None"
ANY_TOKEN = 'if not token.startswith(TOKEN_PREFIX):\n        token = TOKEN_PREFIX + "a" * 43'
IS_VISIBLE = "IS_VISIBLE = sa.or_(IS_OWN, "
RETRY_AFTER = 'headers={"Retry-After": str(_seconds_left(window))}'

TIME = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
LOST = "The mirror differs from the lists"
SCHEDULES = "contract/test_change_feed_schedules.py"
SEARCH, SEARCH_IN_STORE = "resources/test_posts_search.py", "store/test_posts_search.py"
BY_SEARCH = f"FAILED tests/{SEARCH}"
IN_STORE = f"FAILED tests/{SEARCH_IN_STORE}"

CONTROLS = {
    "another status": Control(
        "http/representations",
        "json_response(content, status,",
        "json_response(content, 202,",
        SCHEMATHESIS,
        "Undocumented status code",
    ),
    "no Location": Control(
        "http/representations",
        'response.headers.add("Location", str(content["url"]))',
        "pass",
        SCHEMATHESIS,
        "Missing required response headers",
    ),
    "an empty ETag": Control(
        "http/preconditions",
        """response.headers.add("ETag", f'"{etag}"')""",
        'response.headers.add("ETag", "")',
        SCHEMATHESIS,
        "Response header does not conform to the schema",
    ),
    "no Allow": Control(
        "http/problems",
        'if name != "Content-Type"',
        'if name not in {"Content-Type", "Allow"}',
        SCHEMATHESIS,
        "Wrong response to undeclared method",
    ),
    "an undocumented property": Control(
        "http/representations",
        "content = returns.dump_row(result, request.root_path)",
        'content = {**returns.dump_row(result, request.root_path), "author_id": 1}',
        SCHEMATHESIS,
        "Response violates schema",
    ),
    "a datetime without its zone": Control(
        "json",
        "return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)",
        """return orjson.dumps(value, option=orjson.OPT_UTC_Z).replace(b'Z"', b'"')""",
        SCHEMATHESIS,
        "Response violates schema",
    ),
    "a problem of another type": Control(
        "http/problems",
        "media_type=MEDIA_TYPE",
        'media_type="application/json"',
        SCHEMATHESIS,
        "Undocumented Content-Type",
    ),
    "unknown properties accepted": Control(
        "schemas/base", "unknown = RAISE", 'unknown = "exclude"', SCHEMATHESIS, "Schema-violating request accepted"
    ),
    "text of any length": Control(
        "schemas/fields",
        "self._minimum, self._maximum = minimum, maximum",
        "self._minimum, self._maximum = minimum, 2**31",
        SCHEMATHESIS,
        "CHECK constraint failed",
    ),
    "any token accepted": Control(
        "http/authentication", NO_PREFIX, ANY_TOKEN, SCHEMATHESIS, "API accepts invalid authentication"
    ),
    "no 428": Control(
        "http/preconditions", "abort(428)", "return row", SCHEMATHESIS, "Missing required header accepted"
    ),
    "a removal that removes nothing": Control(
        "resources/posts",
        "posts.remove(request.db, _current(request, post_id))",
        "_current(request, post_id)",
        SCHEMATHESIS,
        "Deleted resource still available",
    ),
    "no 412": Control("http/preconditions", "abort(412)", "return", RESPONSES, "reviseUser-412"),
    "a lost post": Control("resources/posts", PUBLISH, LOSE, RESPONSES, "removeUser-409"),
    "any type of body": Control(
        "http/parsing",
        'if request.environ.get("CONTENT_TYPE") != "application/json" and',
        "if False and",
        RESPONSES,
        "registerUser-415",
    ),
    "no Retry-After": Control(
        "http/rate_limits", RETRY_AFTER, "headers={}", RESPONSES, "Missing required response header"
    ),
    "limits that do not limit": Control(
        "http/rate_limits", "allowed, window = store.hit", "_, window = store.hit", RESPONSES, "registerUser-429"
    ),
    "another challenge": Control(
        "http/authentication",
        'headers={"WWW-Authenticate": bearer.authenticate_header() + error}',
        'headers={"WWW-Authenticate": basic.authenticate_header() + \', charset="UTF-8"\'}',
        RESPONSES,
        "401]",
    ),
    "duplicate names accepted": Control(
        "json", "if colons > names and _without_texts(raw)", "if False and (raw)", HOSTILE, "has a duplicate name"
    ),
    "two URLs of a post": Control("http/converters", '"[1-9][0-9]{0,15}"', '"[0-9]{1,16}"', HOSTILE, "GET /posts/01"),
    "another user's slug": Control(
        "resources/posts",
        'if user.username != username and user.role != "admin":',
        "if False:",
        OWASP,
        "putPost",
    ),
    "a look-up before 403": Control(
        "resources/posts",
        'raise Forbidden("You can put only your own posts.")',
        "posts.get_by_slug(request.db, username, str(_['slug']), viewer=user)\n"
        '        raise Forbidden("You can put only your own posts.")',
        BY_SLUG,
        "test_only_owners_and_admins_may_put_and_others_learn_nothing",
    ),
    "a PUT without a precondition": Control(
        "http/preconditions",
        "if if_match is None and if_none_match is None:",
        "if False:",
        BY_SLUG,
        "test_a_put_needs_one_of_the_two_preconditions",
    ),
    "a PUT with both preconditions": Control(
        "http/preconditions",
        "if if_match is not None and if_none_match is not None:",
        "if False:",
        HOSTILE,
        "PUT /users/ada/posts/notes-on-the-engine If-Match",
    ),
    "a PUT with a tag in If-None-Match": Control(
        "http/preconditions",
        'if if_none_match is not None and if_none_match.strip() != "*":',
        "if False:",
        HOSTILE,
        "PUT /users/ada/posts/notes-on-the-engine If-None-Match",
    ),
    "a PUT that creates what exists": Control(
        "http/preconditions", "if row is not None:\n", "if False:\n", HOSTILE, "If-None-Match: *"
    ),
    "a creation by If-Match": Control(
        "http/preconditions",
        "elif row is None:\n",
        "elif False:\n",
        BY_SLUG,
        "test_a_put_that_may_only_replace_is_rejected_if_there_is_no_post",
    ),
    "a PUT that overwrites a newer version": Control(
        "http/preconditions", "elif any(", "elif False and any(", RESPONSES, "putPost-412"
    ),
    "a stale If-Match of an identical PUT": Control(
        "http/preconditions",
        "elif any(",
        "elif True or any(",
        BY_SLUG,
        "test_an_identical_put_changes_nothing_and_needs_no_current_etag",
    ),
    "a race between two creations": Control(
        "http/views",
        "raise preconditions.exists() from error",
        "raise",
        BY_SLUG,
        "test_one_of_concurrent_puts_creates[postgresql]",
    ),
    "always 200": Control(
        "http/representations",
        "status = 201 if request.creates else operation.status",
        "status = operation.status",
        RESPONSES,
        "putPost-201",
    ),
    "no Content-Location": Control(
        "http/representations",
        """response.headers.add("Content-Location", f"{content['url']}{query}")""",
        "pass",
        SCHEMATHESIS,
        "Missing required response headers",
    ),
    "an ETag of a PUT": Control(
        "http/views", "operation.status != 204 and not is_put", "operation.status != 204", RESPONSES, "putPost-20"
    ),
    "a PUT that is published now": Control(
        "schemas/posts",
        "published_at = PublishedAtInput(required=True)",
        "published_at = PublishedAtInput()",
        BY_SLUG,
        "test_a_put_without_the_time_of_publication_is_rejected",
    ),
    "a PUT that leaves tags": Control(
        "schemas/posts",
        "    tags = TagsInput(load_default=[])\n    metadata = Metadata(load_default={})",
        "    tags = TagsInput()\n    metadata = Metadata()",
        BY_SLUG,
        "test_a_put_replaces_the_complete_post",
    ),
    "a post for the admin": Control(
        "resources/posts",
        "author = user if user.username == username else users.lock(db, username)",
        "author = user",
        BY_SLUG,
        "test_an_admin_puts_for_the_owner",
    ),
    "a PUT that counts as no post": Control(
        "http/views",
        "creates=is_post or request.creates",
        "creates=is_post",
        BY_SLUG,
        "test_a_put_that_creates_counts_toward_the_posts_of_a_day",
    ),
    "any text as a slug": Control(
        "resources/posts",
        "if len(slug) > constraints.SLUG_MAX_LENGTH or not re.fullmatch(constraints.SLUG_PATTERN, slug):",
        "if False:",
        RESPONSES,
        "putPost-404",
    ),
    "scope ignored": Control(
        "http/authentication",
        'if scope == "write" and request.viewer and request.viewer.scope == "read":',
        "if False:",
        OWASP,
        "test_an_operation_is_allowed_to_these_clients",
    ),
    "an admin's token that can only read has the role": Control(
        "store/tokens_use", "_ROLE = sa.case(", "_ROLE = users.c.role\n_IGNORED = sa.case(", OWASP, "admin_reader"
    ),
    "an export of another user's posts": Control(
        "store/archive_of_user",
        'posts.c.author_id == sa.bindparam("user_id")',
        'posts.c.author_id != -sa.bindparam("user_id", type_=sa.BigInteger)',
        "resources/test_me_export.py",
        "test_an_export_has_the_account_and_all_posts_of_the_user_and_nothing_else",
    ),
    "public drafts": Control("store/posts_visibility", IS_VISIBLE, f"{IS_VISIBLE}sa.true(), ", OWASP, "readPost-2"),
    "changes ordered by time": Control(
        "store/change_positions",
        'XID = "CAST(CAST({} AS text) AS bigint)"',
        f'XID = "{TIME} /* {{}} */"',
        CHANGES,
        LOST,
    ),
    "changes before the open transactions end": Control(
        "store/change_state", 'f"change_position < {HORIZON}"', '"TRUE"', CHANGES, LOST
    ),
    "an unpublished post forgotten": Control(
        "store/posts", 'values["was_public_until"] = updated_at', "pass", CHANGES, LOST
    ),
    "a removed post forgotten": Control(
        "store/posts", "db.execute(statements.RECORD_REMOVAL, read_id=post.id, at=now())", "pass", CHANGES, LOST
    ),
    "a removed draft forgotten": Control(
        "store/posts_statements", "posts.c.change_position.is_not(None)", "sa.false()", CHANGES, LOST
    ),
    "a removed user forgotten": Control(
        "store/users_removal", "db.execute(_RECORD_REMOVAL, read_id=user.id, at=now())", "pass", CHANGES, LOST
    ),
    "a clock that was set back": Control(
        "store/change_feed", "if token.time > at:", "if False:", SCHEDULES, "though_the_clock_was_ahead_before"
    ),
    "a walk that forgets when it began": Control(
        "store/change_feed", "if since is None:\n", 'if token.phase == "walk":\n', CHANGES, LOST
    ),
    "tokens of any epoch": Control(
        "store/change_tokens", "or identify(state.epoch_of_token) != token.epoch", "", CHANGES, LOST
    ),
    "an epoch that is that of the position": Control(
        "store/change_feed",
        '"token_seen": token.seen',
        '"token_seen": token.position',
        SCHEDULES,
        "seen_more_than_a_restored",
    ),
    "tokens that have not read what was swept": Control(
        "store/change_tokens",
        "or read_until < (state.swept_position, state.swept_id)",
        "",
        SCHEDULES,
        "once_that_is_swept",
    ),
    "half of a transaction": Control(
        "store/change_entries",
        "sa.tuple_(position, id_) > _POSITION",
        'position > sa.bindparam("after_position", type_=sa.BigInteger)',
        SCHEDULES,
        "though_pages_end_between_them",
    ),
    "a full page that has no next one": Control(
        "store/change_feed",
        "return taken, len(taken) < len(rows)",
        "return taken, limit < len(rows)",
        SCHEDULES,
        "test_posts_that_fill_pages",
    ),
    "a page of any size": Control(
        "store/change_feed", "rows[: min(limit, fitting)]", "rows[:limit]", SCHEDULES, "test_posts_that_fill_pages"
    ),
    "scheduled posts forgotten": Control(
        "store/change_entries", "sa.and_(sa.tuple_(time, id_) > _TIME, time <= AT)", "sa.false()", CHANGES, LOST
    ),
    "unpublished posts found": Control(
        "store/posts_search",
        "timestamp, id_ = start_position(cursor, until)",
        "timestamp, id_ = start_position(cursor, END_OF_TIME)\n    until = END_OF_TIME",
        SEARCH,
        BY_SEARCH,
    ),
    "a new post not indexed": Control(
        "store/posts", "posts_words.add(db, post.id, title, body)", "pass", SEARCH, BY_SEARCH
    ),
    "an imported post not indexed": Control(
        "store/posts",
        "posts_words.add(db, post.id, title, body)",
        "if post_id is None:\n        posts_words.add(db, post.id, title, body)",
        "test_archive.py",
        "test_a_move_to_postgresql_and_back_changes_no_byte",
    ),
    "a revised title not indexed": Control(
        "store/posts",
        'if changes.keys() & {"title", "body"}:',
        'if changes.keys() & {"body"}:',
        SEARCH,
        BY_SEARCH,
    ),
    "stale words of a revised post": Control(
        "store/migrations/versions/0009_words",
        '"DELETE FROM post_words WHERE post_id = NEW.id; END"',
        '"SELECT 1; END"',
        SEARCH_IN_STORE,
        "UNIQUE constraint failed",
    ),
    "words of a removed post": Control(
        "store/migrations/versions/0009_words",
        "VALUES ('delete', OLD.post_id, OLD.words); END",
        "SELECT 'delete', OLD.post_id, OLD.words WHERE FALSE; END",
        SEARCH_IN_STORE,
        IN_STORE,
    ),
    "a phrase in any order": Control(
        "store/posts_search",
        "if sequence not in words]",
        "if False]",
        SEARCH_IN_STORE,
        IN_STORE,
    ),
    "a list that is not checked for words": Control(
        "store/posts_search",
        "for row in rows if row.matches]",
        "for row in rows]",
        SEARCH,
        BY_SEARCH,
    ),
    "any number of candidates": Control(
        "store/posts_search",
        "if len(found) <= posts_words.CANDIDATES_MAX_ROWS else None",
        "if True else None",
        SEARCH_IN_STORE,
        IN_STORE,
    ),
    "any number of posts checked": Control(
        "store/posts_search",
        "checked < CHECKED_MAX_ROWS and ",
        "",
        SEARCH,
        BY_SEARCH,
    ),
    "a short page that is the last": Control(
        "store/posts_search",
        "return found[: limit + 1], Position(last.published_at, last.id)",
        "return found[: limit + 1], None",
        SEARCH,
        BY_SEARCH,
    ),
    "a search in any author's posts": Control(
        "store/posts_search_statements",
        "statement = statement.where(wanted.c.author_id == AUTHOR_ID)",
        "pass",
        SEARCH,
        BY_SEARCH,
    ),
    "HTML that is not sanitised": Control(
        "markdown",
        "html = _SANITISER.clean(html)",
        "pass",
        "test_markdown.py::test_nothing_hostile_is_left",
        "test_nothing_hostile_is_left",
    ),
    "HTML whose tags are not balanced": Control(
        "markdown", "html = balance(html)", "pass", "test_markdown.py", "test_markdown_is_rendered"
    ),
    "HTML whose tags are taken for balanced ones": Control(
        "markdown",
        "return not _HAS_TAG(text) or ",
        "return True or ",
        "test_markdown.py",
        "test_markdown_is_rendered",
    ),
    "drafts in feeds": Control(
        "store/posts_filters",
        "return END_OF_TIME if sees_all else now()",
        "return END_OF_TIME",
        FEEDS,
        "test_only_what_is_public_is_in_feeds",
    ),
    "characters in feeds that XML forbids": Control(
        "atom", ".translate(None, _CONTROLS)", "", FEEDS, "test_no_text_breaks_the_xml"
    ),
    "ids of feeds that change with the host": Control(
        "resources/feeds",
        'name = f"{post.username} ',
        'name = f"{root} {post.username} ',
        FEEDS,
        "test_ids_survive_edits_and_another_host",
    ),
    "tags of drafts": Control(
        "store/tags",
        "published_at <= :at\n",
        "published_at <= :at OR TRUE\n",
        TAGS,
        "test_tags_are_those_of_published_posts",
    ),
    "posts of a suspended user in lists": Control(
        "store/posts_content",
        "        published_at=_END,\n",
        "",
        SUSPENSIONS,
        "test_posts_of_a_suspended_user_are_hidden_and_then_shown_as_they_were",
    ),
    "tags of a suspended user": Control(
        "store/posts_content",
        WITHHOLD + "db.execute_many(_MOVE_TAGS,",
        WITHHOLD + "(_MOVE_TAGS,",
        SUSPENSIONS,
        "test_posts_of_a_suspended_user_are_hidden_and_then_shown_as_they_were",
    ),
    "a suspension without positions in the change feed": Control(
        "store/posts_content",
        WAS_PUBLIC + '        change_position=next_position("posts"),\n',
        WAS_PUBLIC,
        CHANGES,
        LOST,
    ),
    "the end of a suspension without positions in the change feed": Control(
        "store/posts_content",
        '        withheld_published_at=None,\n        change_position=next_position("posts"),\n',
        "        withheld_published_at=None,\n",
        CHANGES,
        LOST,
    ),
    "a suspended user in the change feed": Control(
        "store/change_statements", "source.hidden_at.is_(None)", "sa.true()", CHANGES, LOST
    ),
    "tokens of a suspended user": Control(
        "store/suspensions",
        "    tokens.revoke_all(db, user_id=user.id)\n",
        "",
        "resources/test_suspensions.py",
        "test_a_suspended_user_learns_why_they_cannot_sign_in",
    ),
    "a suspension known before the password is": Control(
        "http/authentication",
        "    if stored is None or not verified.matches:",
        '    if stored is None or (not verified.matches and stored.username != "ada"):',
        "resources/test_suspensions.py",
        "test_a_suspended_user_learns_why_they_cannot_sign_in",
    ),
    "members who suspend": Control(
        "resources/suspensions", 'if request.current_user.role != "admin":', "if False:", OWASP, "listSuspensions"
    ),
    "a profile of a suspended user": Control(
        "resources/users",
        "return users.require_visible(users.get(request.db, username), request.viewer)",
        "return users.get(request.db, username)",
        "resources/test_suspensions.py",
        "test_a_suspended_user_and_their_posts_are_absent_everywhere",
    ),
    "a post imported for a suspended user": Control(
        "records",
        "is_withheld = author.suspended_at is not None",
        "is_withheld = False",
        "test_archive.py",
        "test_an_archive_of_a_suspended_user_publishes_nothing",
    ),
    "a post that an admin publishes for a suspended user": Control(
        "resources/posts",
        "author_id, is_withheld = author.id, author.suspended_at is not None",
        "author_id, is_withheld = author.id, False",
        "resources/test_suspensions.py",
        "test_admins_see_a_suspended_user_and_their_posts",
    ),
    "an admin's change of a post that does not lock the author": Control(
        "store/posts",
        "        lock_author(db, post_id)\n",
        "        pass\n",
        SUSPENSIONS,
        "test_an_admin_who_changes_a_post_and_a_suspension_wait_for_each_other",
    ),
    "any number of follows": Control(
        "store/follows",
        "_COUNT.scalar_subquery() < constraints.FOLLOWED_MAX_ITEMS",
        "_COUNT.scalar_subquery() < constraints.FOLLOWED_MAX_ITEMS + 1",
        FOLLOWS,
        "test_a_user_follows_a_bounded_number_of_users",
    ),
    "follows counted at the same time": Control(
        "store/follows",
        "    db.all(_LOCK_FOLLOWER, by_follower_id=follower_id)\n",
        "",
        FOLLOWS,
        f"FAILED tests/{FOLLOWS}",
    ),
    "followers as those whom the user follows": Control(
        "store/follows",
        ".where(follows.c.followed_id == _LISTED_USER_ID, follows.c.hidden",
        ".where(follows.c.follower_id == _LISTED_USER_ID, follows.c.hidden",
        "resources/test_follows.py",
        "test_a_user_follows_and_unfollows_another",
    ),
    "follows of a removed user that count for nothing": Control(
        "store/follows_content",
        "    return len(followers), 0\n",
        "    return 0, 0\n",
        FOLLOWS,
        "test_follows_of_a_removed_user_count_toward_the_limit_of_one_request",
    ),
    "a timeline of everyone's posts": Control(
        "resources/timeline",
        "return timeline.page(request.db, follower_id=request.current_user.id, **query)",
        "from api.store import posts_lists\n        return posts_lists.page(request.db, **query)",
        "resources/test_timeline.py",
        "test_a_timeline_has_the_public_posts_of_those_whom_one_follows",
    ),
    "scheduled posts in the timeline": Control(
        "store/timeline",
        "page = _POSTS.page(db, limit=limit, cursor=cursor, until=now(), by_follower_id=follower_id)",
        "page = _POSTS.page(db, limit=limit, cursor=cursor, by_follower_id=follower_id)",
        TIMELINE,
        "test_a_timeline_has_what_a_naive_implementation_has",
    ),
    "the newest post of each author only": Control(
        "store/timeline",
        "WHERE posts.author_id = newest.author_id AND",
        "WHERE posts.id = newest.id AND",
        TIMELINE,
        "test_a_timeline_has_what_a_naive_implementation_has[postgresql]",
    ),
    "a timeline that is not merged": Control(
        "store/timeline",
        "    ORDER BY 1 DESC LIMIT :page_limit\n)\nSELECT CAST",
        "    LIMIT :page_limit\n)\nSELECT CAST",
        TIMELINE,
        "test_a_timeline_has_what_a_naive_implementation_has[sqlite]",
    ),
    "a like of another user's draft": Control(
        "store/likes",
        "posts_visibility.require_visible(db, post_id, viewer=user)\n    # The user",
        "# The user",
        LIKES,
        "test_a_post_that_is_not_visible_cannot_be_liked",
    ),
    "who likes another user's draft": Control(
        "store/likes_lists",
        ".where(OF_POST, likes.c.hidden == sa.false(), POST_IS_VISIBLE)",
        ".where(OF_POST, likes.c.hidden == sa.false())",
        LIKES,
        "test_a_post_that_is_not_visible_cannot_be_liked",
    ),
    "liked posts that are drafts": Control(
        "store/likes_lists",
        'posts.c.published_at <= sa.bindparam("at", type_=PublishedAt())',
        'posts.c.created_at <= sa.bindparam("at", type_=PublishedAt())',
        LIKES,
        "test_a_post_that_is_not_visible_cannot_be_liked",
    ),
    "a cursor with the id of another user's draft": Control(
        "store/likes_lists",
        "if last.title is not None:\n        id_",
        "if True:\n        id_",
        LIKES,
        "test_no_cursor_has_the_id_of_a_post_that_is_not_public",
    ),
    "a comment on another user's draft": Control(
        "store/comments",
        "if lock_visible(db, post_id, viewer=author).comments",
        "if lock_visible(db, post_id, viewer=author._replace(role='admin')).comments",
        OWASP,
        "createComment-2",
    ),
    "comments of another user's draft": Control(
        "store/comments_table",
        "sa.or_(_IS_SHOWN, _IS_ADMIN), IS_VISIBLE)",
        "sa.or_(_IS_SHOWN, _IS_ADMIN))",
        OWASP,
        "readComment-2",
    ),
    "comments on closed posts": Control(
        "store/comments",
        '.comments == "closed"',
        '.comments == "shut"',
        "resources/test_comments.py",
        "test_a_closed_post_gets_no_more_comments_until_it_is_opened",
    ),
    "a sign-in during a suspension": Control(
        "store/tokens",
        "    lock_sign_ins(db, user_id)\n",
        "",
        "store/test_deadlocks.py",
        "test_a_user_signs_in_and_writes_while_being_suspended_again_and_again",
    ),
    "content of two users removed at the same time": Control(
        "store/users_content",
        "    lock_content(db)\n    posts, characters",
        "    posts, characters",
        "store/test_deadlocks.py",
        "test_users_who_answer_each_other_are_removed_and_suspended_at_the_same_time",
    ),
    "an imported like of whichever post has the id": Control(
        "records",
        'run.find_post(like["post"])',
        'like["post"]',
        "test_archive.py",
        "test_likes_follow_the_posts_though_these_get_other_ids",
    ),
}
IN_CI = {"another status", "no 412", "duplicate names accepted", "an unpublished post forgotten"}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
def test_the_code_that_a_control_replaces_exists_once(control: Control) -> None:
    """Controls quote the code, so a change of the code may break them; the controls themselves run at night."""
    module = PROJECT_ROOT / "api" / f"{control.module}.py"
    assert module.read_text().count(control.original) == 1


@pytest.mark.parametrize(
    "control",
    [
        pytest.param(control, id=name, marks=pytest.mark.heavy if name in IN_CI else pytest.mark.nightly)
        for name, control in CONTROLS.items()
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, control: Control) -> None:
    for name in ("api", "tests"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / name)
    (tmp_path / "openapi").mkdir()
    for name in ("openapi/openapi.json", "pyproject.toml", "schemathesis.toml", "gunicorn.conf.py"):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    module = tmp_path / "api" / f"{control.module}.py"
    source = module.read_text()
    assert control.original in source
    module.write_text(source.replace(control.original, control.planted))
    # The first failure is enough; it need not be shrunk.
    options = ["--exitfirst", "--quiet", "--hypothesis-profile=unshrunk", f"tests/{control.tests}"]
    options += ["-m", "" if control.tests == CHANGES else "not nightly"]
    # pytest would close the directory above the temporary ones to other users, such as that of PostgreSQL.
    options.append(f"--basetemp={tmp_path / 'temporary'}")
    # Hypothesis also draws constants from the code, so what a seed finds changes with the code.
    for seed in range(1, 5):
        command = [sys.executable, "-m", "pytest", *options, f"--hypothesis-seed={seed}"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if ran.returncode:
            break
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    assert control.report in ran.stdout
