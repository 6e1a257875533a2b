"""`/tags`."""

from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.schemas.tags import TagPage, TagQuery
from api.store import tags
from api.store.pages import Page

blueprint = Blueprint("tags", "Tags of published posts.")


@blueprint.route("/tags")
class Tags(Resource):
    @blueprint.operation("listTags", query=TagQuery(), returns=TagPage(), conditional=True)
    def get(self, request: Request, query: Values) -> Page[tags.Tag]:
        """List tags.

        Those of published posts, in alphabetical order. A page may be short, even empty: continue until `next_cursor`
        is null.
        """
        return tags.page(request.db, **query)
