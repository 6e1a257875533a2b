"""Any request: what the document says holds for the answer (schemathesis, all checks, all phases)."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
import tracecov
from hypothesis import settings
from schemathesis import Case
from tracecov.schemathesis import from_response

from api.app import create_app
from tests.contract.scene import KEPT, begin_anew, settings_of
from tests.support.paths import PROJECT_ROOT

DOCUMENT = PROJECT_ROOT / "openapi" / "openapi.json"

begin_anew()
# Not from the URL that serves it, which would then be left out.
schema = schemathesis.openapi.from_path(DOCUMENT)
schema.app = create_app(settings_of(KEPT))
schema.config.update(base_url="http://localhost")
coverage = tracecov.CoverageMap.from_path(DOCUMENT)
accepted: Counter[str] = Counter()


@schemathesis.hook
def after_call(_context: object, case: Case[Any], response: schemathesis.Response) -> None:
    asked_and_answered = [from_response(case.method, response)]
    coverage.record_schemathesis_interactions(case.method, case.operation.full_path, asked_and_answered)


@schema.parametrize()
def test_any_request_is_answered_as_the_document_says(case: Case[Any]) -> None:
    accepted[case.operation.label] += case.call_and_validate().status_code < 400


def test_every_operation_has_accepted_requests() -> None:
    if not accepted:
        pytest.skip("it counts what the tests above send: run the file as a whole")
    operations = {result.ok().label for result in schema.get_all_operations()}  # type: ignore[union-attr] # none is invalid
    assert len(operations) == 23
    assert {operation for operation in operations if not accepted[operation]} == set()


def test_the_whole_document_is_exercised() -> None:
    """Every parameter and keyword, kept to and broken, and every example; test_answers.py is about the answers."""
    if not accepted:
        pytest.skip("it looks at what the tests above send: run the file as a whole")
    gaps = [gap for gap in coverage.coverage_gaps() if gap["kind"] != "response_uncovered"]
    assert gaps == []
    assert coverage.statistic()["response_keywords"]["violated"] == 0


# Workflows lead nowhere where nothing is kept.
class Workflow(schema.exclude(tag=["docs", "health", "metrics", "service"]).as_state_machine()):  # type: ignore[misc] # made at run time
    def setup(self) -> None:
        begin_anew()


TestAnySequenceOfRequests = Workflow.TestCase
TestAnySequenceOfRequests.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=20)
