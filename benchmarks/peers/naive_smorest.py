"""C: flask-smorest with marshmallow and SQLAlchemy's ORM, as in its quickstart."""

from datetime import UTC, datetime
from typing import Any

import orm
from common import METADATA_NAME, SLUG, TAG, link
from flask import Flask, request
from flask.views import MethodView
from flask_httpauth import HTTPTokenAuth
from flask_smorest import Api, Blueprint, abort
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy.orm import scoped_session, sessionmaker

# Not expired on commit, so that rows are not read again.
session = scoped_session(sessionmaker(orm.engine, expire_on_commit=False))
auth = HTTPTokenAuth("Bearer")
blueprint = Blueprint("posts", "posts", url_prefix="/posts", description="Posts.")


class DateTime(fields.AwareDateTime):
    """A datetime in UTC, with the suffix Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return value and value.isoformat().replace("+00:00", "Z")


def _distinct(tags: list[str]) -> None:
    if len(set(tags)) < len(tags):
        raise ValidationError("Tags must be unique.")


class AuthorSchema(Schema):
    """The author of a post."""

    username = fields.String()
    display_name = fields.String()
    url = fields.String()


class PostSchema(Schema):
    """A post."""

    id = fields.Integer(dump_only=True)
    slug = fields.String(allow_none=True, load_default=None, validate=[validate.Length(max=80), validate.Regexp(SLUG)])
    title = fields.String(required=True, validate=validate.Length(1, 200))
    body = fields.String(required=True, validate=validate.Length(max=262_144))
    tags = fields.List(
        fields.String(validate=validate.Regexp(TAG)), load_default=[], validate=[validate.Length(max=10), _distinct]
    )
    metadata = fields.Dict(
        fields.String(validate=validate.Regexp(METADATA_NAME)),
        fields.String(validate=validate.Length(max=500)),
        attribute="properties",
        load_default={},
        validate=validate.Length(max=20),
    )
    comments = fields.String(load_default="open", validate=validate.OneOf(["open", "closed"]))
    author = fields.Nested(AuthorSchema, dump_only=True)
    published_at = DateTime(allow_none=True, load_default=lambda: datetime.now(UTC))
    created_at = DateTime(dump_only=True)
    updated_at = DateTime(dump_only=True)
    revision = fields.String(dump_only=True)
    url = fields.String(dump_only=True)


class PageSchema(Schema):
    """A page of posts."""

    items = fields.List(fields.Nested(PostSchema))
    next_cursor = fields.String(allow_none=True)


class QuerySchema(Schema):
    """The query of a list of posts."""

    cursor = fields.String(load_default=None)
    expand = fields.String(validate=validate.OneOf(["body"]))


@auth.verify_token
def _user(token: str) -> orm.User | None:
    return orm.user(session(), token)


@blueprint.route("")
class Posts(MethodView):
    """The list of posts."""

    @blueprint.arguments(QuerySchema, location="query")
    @blueprint.response(200, PageSchema)
    def get(self, query: dict[str, Any]) -> Any:
        """List posts."""
        try:
            posts, cursor = orm.page(session(), query["cursor"])
        except ValueError:
            abort(422)
        return {"items": posts, "next_cursor": cursor}, {"Link": link(cursor)} if cursor else {}

    @auth.login_required
    @blueprint.etag
    @blueprint.arguments(PostSchema)
    @blueprint.response(201, PostSchema)
    def post(self, content: dict[str, Any]) -> Any:
        """Publish a post."""
        metadata = content.pop("properties")
        post = orm.publish(session(), auth.current_user(), metadata=metadata, **content)
        blueprint.set_etag(post.etag)
        return post, {"Location": post.url}


@blueprint.route("/<int:post_id>")
class PostById(MethodView):
    """One post."""

    @blueprint.etag
    @blueprint.response(200, PostSchema)
    def get(self, post_id: int) -> Any:
        """Read a post."""
        if request.if_none_match:
            # Responds with 304 itself.
            blueprint.set_etag(orm.etag(session(), post_id))
        post = orm.read(session(), post_id) or abort(404)
        blueprint.set_etag(post.etag)
        return post


app = Flask(__name__)
app.config.update(API_TITLE="Posts", API_VERSION="1", OPENAPI_VERSION="3.1.0")
app.json.sort_keys = False
Api(app).register_blueprint(blueprint)


@app.teardown_appcontext
def _remove_session(_error: BaseException | None) -> None:
    session.remove()
