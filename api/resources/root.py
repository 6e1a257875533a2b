"""`/` and `/about`: the way in."""

from typing import Any

from flask import url_for

from api import constraints
from api.http.application import current_application
from api.http.blueprint import Blueprint, Resource
from api.http.openapi.document import TITLE, VERSION
from api.schemas.root import About, Root

blueprint = Blueprint("service", "What this is and where everything is.", database=False)


@blueprint.route("/")
class Home(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="readRoot")
    @blueprint.response(200, Root)
    def get(self) -> dict[str, Any]:
        """Find everything.

        The URLs of all collections, of the documentation and of this document.
        """
        return {
            "name": TITLE,
            "version": VERSION,
            "about_url": url_for("service.AboutPage"),
            "users_url": url_for("users.Users"),
            "posts_url": url_for("posts.Posts"),
            "tokens_url": url_for("tokens.Tokens"),
            "me_url": url_for("me.Me"),
            "docs_url": url_for("docs.Docs"),
            "openapi_url": url_for("docs.Document"),
        }


@blueprint.route("/about")
class AboutPage(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="readAbout")
    @blueprint.response(200, About)
    def get(self) -> dict[str, Any]:
        """Learn what this service is.

        What it is for, its version and its limits.
        """
        return {
            "name": TITLE,
            "description": "A publishing back end: users and posts over JSON.",
            "version": VERSION,
            "limits": {
                "display_name": constraints.DISPLAY_NAME_MAX_LENGTH,
                "bio": constraints.BIO_MAX_LENGTH,
                "title": constraints.TITLE_MAX_LENGTH,
                "body": constraints.BODY_MAX_LENGTH,
                "tags": constraints.TAGS_MAX_ITEMS,
                "page": constraints.PAGE_SIZE_MAX,
                "request_body": constraints.REQUEST_BODY_MAX_BYTES,
                "token_days": current_application().settings.token_days,
            },
        }
