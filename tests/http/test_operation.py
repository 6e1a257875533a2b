"""Declarations of operations that cannot work are rejected, and those that forget a check fail closed."""

from typing import NamedTuple

import pytest
from flask_httpauth import HTTPTokenAuth

from api.http.application import Application, Request
from api.http.authentication import basic, bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.schemas.base import StrictSchema
from api.schemas.fields import RelativeURL, Text
from api.schemas.posts import PostCreate
from api.schemas.tokens import TokenCreate
from tests.support.problems import assert_problem


class Row(NamedTuple):
    name: str


class Named(StrictSchema):
    """A name."""

    name = Text(9, required=True)


class Linked(Named):
    """A name with a URL."""

    url = RelativeURL("The name.", "/names/{name}")


def get(self: Resource, request: Request) -> Row:
    return Row("ada")


def post(self: Resource, request: Request) -> Row:
    return Row("ada")


def patch(self: Resource, request: Request) -> Row:
    return Row("ada")


blueprint = Blueprint("names", "Names.", url_prefix="/names")


def test_an_idempotency_key_without_a_user_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="x: an idempotency key needs an authenticated user"):
        blueprint.operation("x", returns=Linked(), idempotent=True)(post)


def test_a_handler_without_a_return_type_is_a_type_error() -> None:
    def get(self: Resource, request: Request):  # type: ignore[no-untyped-def] # what is tested
        return Row("ada")

    with pytest.raises(TypeError, match="x: annotate what the handler returns"):
        blueprint.operation("x", returns=Named())(get)


def test_a_created_resource_without_a_url_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="x: its result needs a `url`, for Location"):
        blueprint.operation("x", auth=bearer, returns=Named())(post)
    with pytest.raises(TypeError, match="x: its result needs a `url`, for Location and Content-Location"):
        blueprint.operation("x", returns=Named(), content_location=True)(get)


def allow(request: Request, **path: object) -> None:
    """Allow everything."""


def test_a_conditional_put_that_authorizes_nothing_before_it_shows_what_exists_is_a_type_error() -> None:
    def put(self: Resource, request: Request, content: Values) -> Row:
        return Row("ada")

    for incomplete in ({"authorize": allow}, {"body": PostCreate()}):
        with pytest.raises(TypeError, match="x: a conditional PUT needs a body, and `authorize`"):
            blueprint.operation("x", returns=Linked(), conditional=True, **incomplete)(put)


@pytest.mark.parametrize("is_required", [True, False])
def test_a_body_that_is_optional_without_allowing_null_or_the_reverse_is_a_type_error(is_required: bool) -> None:
    body = TokenCreate() if is_required else PostCreate()
    with pytest.raises(TypeError, match="x: a body allows null if and only if it is optional"):
        blueprint.operation("x", auth=bearer, body=body, body_required=is_required, returns=Linked())(post)


def test_another_scheme_than_bearer_without_sign_in_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="x: without `sign_in`, clients can send only bearer tokens"):
        blueprint.operation("x", auth=basic, returns=Named())(get)


def test_authentication_fails_closed_whatever_its_error_handler_does(app: Application) -> None:
    lenient = HTTPTokenAuth("Bearer")
    lenient.verify_token(lambda _: None)
    lenient.error_handler(lambda _: "ignored")

    @blueprint.route("/lenient")
    class Lenient(Resource):
        get = blueprint.operation("lenient", auth=lenient, returns=Named())(get)

    app.register_blueprint(blueprint)
    assert_problem(app.test_client().get("/names/lenient"), 401)


def test_a_conditional_change_that_does_not_check_if_match_fails(app: Application) -> None:
    names = Blueprint("unchecked", "Names.", url_prefix="/unchecked")

    @names.route("")
    class Unchecked(Resource):
        patch = names.operation("unchecked", returns=Named(), conditional=True)(patch)

    app.register_blueprint(names)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert_problem(app.test_client().patch("/unchecked"), 500)


@pytest.mark.parametrize("precondition", ["If-Match", "If-None-Match"])
def test_a_conditional_put_that_does_not_check_its_precondition_fails(app: Application, precondition: str) -> None:
    names = Blueprint("unchecked", "Names.", url_prefix="/unchecked")

    @names.route("")
    class Unchecked(Resource):
        @names.operation("x", authorize=allow, body=Named(), returns=Linked(), conditional=True)
        def put(self, request: Request, content: Values) -> Row:
            return Row("ada")

    app.register_blueprint(names)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = app.test_client().put("/unchecked", json={"name": "ada"}, headers={precondition: "*"})
    assert_problem(response, 500)
