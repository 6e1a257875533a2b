"""`/health`: whether to restart the process, and whether to send it requests."""

from typing import NamedTuple

from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.schemas.health import Live, Ready

blueprint = Blueprint("health", "Health checks, for load balancers.", url_prefix="/health", database=False)


class Health(NamedTuple):
    """The result of a health check."""

    status: str


@blueprint.route("/live")
class Liveness(Resource):
    @blueprint.operation("readLiveness", returns=Live())
    def get(self, request: Request) -> Health:
        """Check whether the process responds.

        The database is not checked: restarting the process would not repair it.
        """
        return Health("live")


@blueprint.route("/ready")
class Readiness(Resource):
    @blueprint.operation("readReadiness", returns=Ready(), raises=(503,))
    def get(self, request: Request) -> Health:
        """Check whether the service can handle requests.

        It can if the database responds and its tables have the schema of this version or a newer one.
        """
        request.app.database.require_current_schema()
        return Health("ready")
