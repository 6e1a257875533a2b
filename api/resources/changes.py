"""`/changes`."""

from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.schemas.changes import ChangesQuery, PostChanges, PostChangesQuery, UserChanges
from api.store import changes
from api.store.change_feed import ChangesPage
from api.store.engine.connections import Connection

blueprint = Blueprint("changes", "What has changed, for mirrors and static sites.", url_prefix="/changes")


def _primary(request: Request) -> Connection:
    """Return a connection to the primary: a replica may lack changes before the client's token."""
    database = request.app.database
    connection = request.unit_of_work.open(database.read)
    database.single_node.require(connection)
    return connection


@blueprint.route("/posts")
class ChangedPosts(Resource):
    @blueprint.operation(
        "listPostChanges", query=PostChangesQuery(), returns=PostChanges(), raises=(410,), conditional=True
    )
    def get(self, request: Request, query: Values) -> ChangesPage[changes.AnyPostChange]:
        """List changes of posts.

        Without `since`, all published posts; then, with `next_since` of each response as `since`, every post that has
        been published, revised or deleted, or has become public or ceased to be, as it is now. Changes may be repeated,
        but are never omitted. `post` is null if the post is no longer public: delete your copy of it. While `has_more`
        is true, continue at once, even after a response without items; otherwise wait, such as a minute. 410 if the
        token is older than 90 days or of another database: delete your copy, and start again without `since`. A changed
        name of an author is among the changes of users only: follow both. A slug that moves from one post to another
        may be at both in your copy for a while, so identify posts by `id`.
        """
        return changes.posts_page(_primary(request), **query)


@blueprint.route("/users")
class ChangedUsers(Resource):
    @blueprint.operation(
        "listUserChanges", query=ChangesQuery(), returns=UserChanges(), raises=(410,), conditional=True
    )
    def get(self, request: Request, query: Values) -> ChangesPage[changes.UserChange]:
        """List changes of users.

        As for posts: `user` is null if the user has been deleted.
        """
        return changes.users_page(_primary(request), **query)
