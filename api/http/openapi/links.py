"""OpenAPI links: from the responses that have a URL or a cursor to the operations there."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from marshmallow import fields

from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.schemas.changes import ChangesSchema
from api.schemas.compiled import FromNestedRow, FromRow, URLTemplate
from api.schemas.pages import PageSchema

_PLACEHOLDER = re.compile(r"{(\w+)}")
_IF_MATCH = {"#/components/parameters/IF_MATCH", "#/components/parameters/IF_MATCH_OR_NONE"}
_METHODS = ("get", "put", "post", "patch", "delete")


class _URL(NamedTuple):
    """A URL in the body of a response."""

    template: str
    place: str
    """A JSON Pointer to the object that has it."""
    is_own: bool
    """Whether it is that of the body itself."""


def add_links(document: JSONObject, schemas: Iterable[StrictSchema]) -> None:
    """Add links to each response that has one of `schemas`."""
    by_name = {type(schema).__name__: schema for schema in schemas}
    responses = [
        (path, operation, each)
        for path, item in document["paths"].items()
        for operation in item.values()
        for each in operation["responses"].values()
    ]
    # Only responses to reads are pages, so those that operations share need no operation.
    responses += [("", {}, response) for response in document["components"].get("responses", {}).values()]
    for path, operation, response in responses:
        for content in response.get("content", {}).values():
            schema = by_name.get(content["schema"].get("$ref", "").rpartition("/")[2])
            if schema and (links := _links(document, path, operation, response, schema)):
                response["links"] = links


def _links(
    document: JSONObject, own_path: str, operation: JSONObject, response: JSONObject, schema: StrictSchema
) -> JSONObject:
    links: JSONObject = {}
    own_parameters = {name: f"$request.path.{name}" for name in _PLACEHOLDER.findall(own_path)}
    if isinstance(schema, PageSchema):
        cursor = {**own_parameters, "cursor": "$response.body#/next_cursor"}
        links[operation["operationId"]] = _link(operation, cursor, "The next page, unless the cursor is null.")
    if isinstance(schema, ChangesSchema):
        since = {"since": "$response.body#/next_since"}
        links[operation["operationId"]] = _link(operation, since, "The changes after these.")
    headers = response.get("headers", {})
    targets = [(*_target(document, url), url.is_own) for url in _urls(schema)]
    if "Content-Location" in headers:  # the requested URL is another one of the same resource
        targets.append((own_path, own_parameters, True))
    for path, parameters, is_own in targets:
        if is_own:
            for nested in _nested_lists(document, path):
                links[nested["operationId"]] = _link(nested, parameters, nested["summary"])
        for method in _METHODS:
            target = document["paths"][path].get(method)
            if target and (is_own or method == "get"):
                conditional = {parameter.get("$ref", "") for parameter in target.get("parameters", [])} & _IF_MATCH
                # A change needs the ETag, which the response to PUT has not.
                if conditional and "ETag" not in headers:
                    continue
                etag = {"header.If-Match": "$response.header.ETag"} if conditional else {}
                links.setdefault(target["operationId"], _link(target, {**parameters, **etag}, target["summary"]))
    return links


def _nested_lists(document: JSONObject, path: str) -> Iterator[JSONObject]:
    """Yield the operations that list what belongs to the resource at a path, such as the comments on a post."""
    for other, item in document["paths"].items():
        parent, _, segment = other.rpartition("/")
        parameters = item.get("get", {}).get("parameters", [])
        if parent == path and "{" not in segment and any(each.get("name") == "cursor" for each in parameters):
            yield item["get"]


def _urls(schema: StrictSchema, place: str = "", *, nested: bool = False) -> Iterator[_URL]:
    """Yield the URLs in such a body; those of the first item of a list."""
    for name, field in schema.fields.items():
        if isinstance(field, URLTemplate):
            yield _URL(field.template, place, is_own=name == "url" and not nested)
        elif isinstance(field, FromRow | FromNestedRow):
            yield from _urls(cast("StrictSchema", field.schema), f"{place}/{name}", nested=True)
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            yield from _urls(cast("StrictSchema", field.inner.schema), f"{place}/{name}/0", nested=True)


def _target(document: JSONObject, url: _URL) -> tuple[str, dict[str, str]]:
    """Return the path of a URL, and the parameters there as runtime expressions."""
    path, _, query = url.template.partition("?")
    [target] = [each for each in document["paths"] if _PLACEHOLDER.sub("{}", each) == _PLACEHOLDER.sub("{}", path)]
    properties = dict(zip(_PLACEHOLDER.findall(target), _PLACEHOLDER.findall(path), strict=True))
    properties |= {
        name: value.strip("{}") for name, _, value in (part.partition("=") for part in query.split("&") if part)
    }
    return target, {name: f"$response.body#{url.place}/{value}" for name, value in properties.items()}


def _link(operation: JSONObject, parameters: dict[str, str], description: str) -> JSONObject:
    return {"operationId": operation["operationId"], "parameters": parameters, "description": description}
