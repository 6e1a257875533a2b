"""`/health`: whether to restart the process, and whether to send it requests."""

from api.http.application import current_application
from api.http.blueprint import Blueprint, Resource
from api.schemas.health import Live, Ready

blueprint = Blueprint("health", "For operators and their load balancers.", url_prefix="/health", database=False)


@blueprint.route("/live")
class Liveness(Resource):
    @blueprint.doc(operationId="readLiveness")
    @blueprint.response(200, Live)
    def get(self) -> dict[str, str]:
        """Ask whether the process answers.

        It does not ask the database: restarting the process would not mend that.
        """
        return {"status": "live"}


@blueprint.route("/ready")
class Readiness(Resource):
    @blueprint.doc(operationId="readReadiness", responses={503: ""})
    @blueprint.response(200, Ready)
    def get(self) -> dict[str, str]:
        """Ask whether requests will be served.

        They are if the database answers and its tables are those of this version, or already of the next one.
        """
        current_application().database.require_current_schema()
        return {"status": "ready"}
