"""OpenAPI links: from the response that creates a resource to the operations at its URL."""

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"{(\w+)}")


def add_links(document: dict[str, Any], url_templates: Mapping[str, str]) -> None:
    """Add links to each 201 response whose schema, named in `url_templates`, has the URL of a path."""
    paths = {_PLACEHOLDER.sub("{}", path): path for path in document["paths"]}
    for operations in document["paths"].values():
        if created := operations.get("post", {}).get("responses", {}).get("201"):
            name = created["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            template = url_templates[name]
            path = paths[_PLACEHOLDER.sub("{}", template)]
            parameters = {
                parameter: f"$response.body#/{property_}"
                for parameter, property_ in zip(_PLACEHOLDER.findall(path), _PLACEHOLDER.findall(template), strict=True)
            }
            created["links"] = {
                operation["operationId"]: _link(operation, parameters)
                for method, operation in document["paths"][path].items()
                if method != "parameters"
            }


def _link(operation: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    conditional = {"$ref": "#/components/parameters/IF_MATCH"} in operation.get("parameters", [])
    return {
        "operationId": operation["operationId"],
        "parameters": {**parameters, **({"header.If-Match": "$response.header.ETag"} if conditional else {})},
        "description": operation["summary"],
    }
