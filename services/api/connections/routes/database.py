"""Testing a database."""

from fastapi import APIRouter

from services.api.access.bearer import ActorDep
from services.api.connections.schemas.database import DatabaseAnswer, DatabaseQuestion
from services.api.connections.use_cases.database import check_database
from services.api.web.dependencies import ContextDep

router = APIRouter(tags=["health"])


@router.post("/database/test", operation_id="testDatabase", summary="Test a database")
def check(
    context: ContextDep, actor: ActorDep, body: DatabaseQuestion = DatabaseQuestion()
) -> DatabaseAnswer:
    """Connect and look at version, rights and tables: of this deployment's database, or of one not in use yet."""
    report = check_database(context, body.values.address if body.values else None, actor)
    found = report.found
    return DatabaseAnswer(
        place=found.place,
        product=found.product,
        version=found.version,
        revision=found.schema.now,
        needed=found.schema.needed,
        state=found.schema.state,
        is_encrypted=found.is_encrypted,
        warnings=list(found.warnings),
        url=report.url,
        seconds=report.seconds,
    )
