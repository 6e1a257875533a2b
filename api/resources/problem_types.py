"""`/problems/<code>`: what the types of problems mean."""

from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.http.problem_types import PROBLEM_TYPES
from api.http.problem_types import ProblemType as ProblemTypeRow
from api.schemas.problems import Code, ProblemType
from api.store.errors import NotFound

blueprint = Blueprint("problems", "Types of problems.", url_prefix="/problems", database=False)


@blueprint.route("/<string:code>", code=Code())
class ProblemTypeByCode(Resource):
    @blueprint.operation("readProblemType", returns=ProblemType(), conditional=True)
    def get(self, request: Request, code: str) -> ProblemTypeRow:
        """Read what a type of problem means.

        The `type` of every problem is the URL of one.
        """
        if code not in PROBLEM_TYPES:
            raise NotFound(f"There is no type of problem {code!r}.")
        return PROBLEM_TYPES[code]
