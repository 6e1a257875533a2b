"""`/timeline`."""

from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.schemas.posts import PostPage
from api.schemas.posts_queries import TimelineQuery
from api.store import timeline
from api.store.pages import Page
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_table import Post, PostSummary

blueprint = Blueprint("timeline", "The posts of the users whom you follow.")


@blueprint.route("/timeline")
class Timeline(Resource):
    @blueprint.operation("readTimeline", auth=bearer, query=TimelineQuery(), returns=PostPage(), conditional=True)
    def get(
        self, request: Request, query: Values
    ) -> Page[PostSummary] | Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
        """Read your timeline.

        The published posts of the users whom you follow, newest first, without their bodies unless `expand` lists them.
        """
        return timeline.page(request.db, follower_id=request.current_user.id, **query)
