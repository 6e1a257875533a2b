"""Any request gets a response that conforms to the OpenAPI document (schemathesis, all checks, all phases)."""

import json
import re
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
import tracecov
from hypothesis import settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import Case
from tracecov.schemathesis import from_response

from api.app import create_app
from api.json import JSONObject
from tests.contract.catalogue import IDS, OPERATIONS
from tests.contract.scene import DATABASE, TOKENS, reset, settings_of
from tests.support.paths import PROJECT_ROOT

DOCUMENT = PROJECT_ROOT / "openapi" / "openapi.json"

reset()
# Not loaded from the URL that serves it, which would exclude that operation.
schema = schemathesis.openapi.from_path(DOCUMENT)
schema.app = create_app(settings_of(DATABASE))
schema.config.update(base_url="http://localhost")
coverage = tracecov.CoverageMap.from_path(DOCUMENT)
accepted: Counter[str] = Counter()


@schemathesis.hook
def after_call(_context: object, case: Case[Any], response: schemathesis.Response) -> None:
    interactions = [from_response(case.method, response)]
    coverage.record_schemathesis_interactions(case.method, case.operation.full_path, interactions)


@schema.parametrize()
def test_any_request_gets_a_conforming_response(case: Case[Any]) -> None:
    accepted[case.operation.label] += case.call_and_validate().status_code < 400


@pytest.mark.parametrize("metadata", [{f"p{number}": "" for number in range(21)}, {"P": ""}], ids=["many", "named"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/posts"), ("PATCH", "/posts/{post_id}"), ("PUT", "/users/{username}/posts/{slug}")],
)
def test_invalid_metadata_are_422(method: str, path: str, metadata: JSONObject) -> None:
    """Generated bodies rarely have this many properties, or names that are invalid."""
    body: JSONObject = {"title": "t", "body": "b", "metadata": metadata}
    if method == "PUT":
        body["published_at"] = None
    case = schema[path][method].Case(
        path_parameters={name: IDS[name] for name in re.findall(r"{(\w+)}", path)},
        headers={"Authorization": f"Bearer {TOKENS['ada']}", "If-Match": "*"},
        body=body,
        media_type="application/json",
    )
    assert case.call().status_code == 422


def test_every_operation_has_accepted_requests() -> None:
    if not accepted:
        pytest.skip("it counts the requests of the tests above: run the complete file")
    labels = {f"{operation.method} {operation.path}" for operation in OPERATIONS.values()}
    assert {label for label in labels if not accepted[label]} == set()


def test_every_parameter_and_keyword_is_exercised() -> None:
    """Each with valid and invalid values, and every example; test_responses.py covers responses."""
    if not accepted:
        pytest.skip("it counts the requests of the tests above: run the complete file")
    gaps = [gap for gap in coverage.coverage_gaps() if gap["kind"] != "response_uncovered"]
    assert gaps == []
    report = json.loads(coverage.generate_json_report())
    bodies = (
        body
        for operation in report["operations"]
        for response in operation["responses"]
        for body in response.get("bodies", [])
        if body["media_type"] == "application/json"  # it takes other bodies, as of feeds, for strings of JSON
    )
    violated = {
        each["schema_path"] for body in bodies for each in body.get("keywords", []) if each["state"] == "violating"
    }
    # tracecov counts the alternative `null` as violated if no value was null; test_changes.py has both.
    assert {path for path in violated if not re.search(r"/anyOf/\d+/type$", path)} == set()


# Operations of these tags store nothing, so no workflow has them.
class Workflow(schema.exclude(tag=["docs", "health", "metrics", "problems", "service"]).as_state_machine()):  # type: ignore[misc] # made at run time
    def setup(self) -> None:
        reset()


class TestAnySequenceOfRequests(Workflow.TestCase):  # type: ignore[misc, name-defined] # made at run time
    def runTest(self) -> None:  # noqa: N802 (unittest)
        # schemathesis generates what earlier workflows have not, so that Hypothesis may fail to repeat its choices.
        # The command line of schemathesis then begins again, too.
        for _ in range(2):
            with suppress(FlakyStrategyDefinition):
                super().runTest()
                return
        super().runTest()


TestAnySequenceOfRequests.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
