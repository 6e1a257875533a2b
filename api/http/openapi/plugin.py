"""What operations have in common in the OpenAPI document."""

from copy import deepcopy

from apispec import BasePlugin

from api.http.openapi.components import NOT_MODIFIED_AT_OTHER_URL, UNSUPPORTED_PATCH
from api.http.statuses import STATUSES
from api.json import JSONObject

_KEY_ORDER = (
    "operationId",
    "tags",
    "summary",
    "description",
    "security",
    "parameters",
    "requestBody",
    "responses",
)


class OperationsPlugin(BasePlugin):
    """Adds to each operation the responses that every operation of its kind can have."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def path_helper(
        self,
        path: str | None = None,
        operations: dict[str, JSONObject] | None = None,
        parameters: list[JSONObject] | None = None,
        **_: object,
    ) -> None:
        """Move the parameters of the path into its operations, as their first: many generators misread them there."""
        if not parameters:
            return
        for operation in (operations or {}).values():
            operation["parameters"] = [*deepcopy(parameters), *operation.get("parameters", [])]
        parameters.clear()

    def operation_helper(
        self, path: str | None = None, operations: dict[str, JSONObject] | None = None, **_: object
    ) -> None:
        """Complete the operations at `path`; `TypeError` for one without an id, summary or description."""
        for method, operation in (operations or {}).items():
            operation_id = operation.get("operationId", "")
            if operation_id in self._ids or not all(map(operation.get, ("operationId", "summary", "description"))):
                raise TypeError(f"{method.upper()} {path} needs a unique operationId, a summary and a description.")
            self._ids.add(operation_id)
            self._add_responses(str(path), method, operation)
            ordered = {key: operation[key] for key in _KEY_ORDER if key in operation}
            operation.clear()
            operation.update(ordered)

    @staticmethod
    def _add_responses(path: str, method: str, operation: JSONObject) -> None:
        responses = operation["responses"]
        statuses = {400, 422, 500}
        if operation["security"]:
            statuses.add(401)
        if "{" in path:
            statuses.add(404)
        if "requestBody" in operation:
            statuses |= {413, 415}
        for status in statuses:
            responses.setdefault(status, "")
        components = {code: status.component for code, status in STATUSES.items()}
        if method == "patch":
            components[415] = UNSUPPORTED_PATCH
        if "Content-Location" in responses[min(responses, key=int)].get("headers", {}):
            components[304] = NOT_MODIFIED_AT_OTHER_URL
        for status in sorted(responses):
            # flask-smorest names shared responses by Python's list of statuses, which changes with its version.
            response = responses.pop(status)
            responses[status] = components[status] if isinstance(response, str) else response
