"""The state of the deployment on the wire."""

from pydantic import Field

from services.api.connections.schemas.questions import ControllerHealthOut
from services.api.web.schemas import Answer, example


class CheckOut(Answer):
    """One thing looked at."""

    model_config = example(
        name="database", ok=True, message="The database is reachable (schema r0001).", advice=[]
    )
    name: str
    ok: bool
    message: str
    advice: list[str] = Field(description="Warnings: what should be corrected although it works.")
    controllers: list[ControllerHealthOut] = Field(
        default_factory=list,
        description="Of a directory: its domain controllers in the order in which they are asked.",
    )


class DiagnosisOut(Answer):
    """Everything a deployment needs, looked at."""

    model_config = example(
        ok=True,
        checks=[
            {
                "name": "database",
                "ok": True,
                "message": "The database is reachable (schema r0001).",
                "advice": [],
            }
        ],
    )
    ok: bool
    checks: list[CheckOut]


class Readiness(Answer):
    """Whether this process can answer requests. Says no more than yes or no, because anyone may ask."""

    model_config = example(ok=True, checks={"database": True, "key": True, "broker": True})
    ok: bool
    checks: dict[str, bool]


class Liveness(Answer):
    """This process answers."""

    model_config = example(ok=True)
    ok: bool
