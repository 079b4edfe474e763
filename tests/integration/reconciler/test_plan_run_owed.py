"""In sync is said only when nothing is owed; what is owed is planned, or told."""

from datetime import UTC, datetime

import pytest

from shared.database.tables import OwedSteps, RunState
from shared.domain.owed import Owes
from shared.worker.context import Context
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_phone_system
from tests.integration.reconciler.collected import SITE, bind, findings_of, planned, steps_of

pytestmark = pytest.mark.every_database


@pytest.mark.parametrize("owes", list(Owes))
def test_a_site_is_in_sync_only_when_nothing_is_owed(context: Context, owes: Owes) -> None:
    bind(context, make_binding(1))
    both = [make_person(1)], make_phone_system([make_extension(1)])
    assert planned(context, *both).state == RunState.IN_STEP
    with context.database.begin() as session:
        session.add(
            OwedSteps(
                site_id=SITE, number="201", run_id=1, extension_id=1001, person_guid=guid(1),
                person_name="Anna1 Berg1", former_id=None, before={}, after={}, owes=owes.value,
                answer="3CX refused RecordCalls.", begun_at=datetime.now(UTC),
            )
        )  # fmt: skip
    run = planned(context, *both)
    if owes in (Owes.STEPS, Owes.TEMPLATE):
        assert steps_of(context, run) == ["finish_extension 201"]
    elif owes is Owes.REFUSED_STEPS:
        assert (run.state, run.error_code) == (RunState.DONE, "steps_refused")
        assert findings_of(context, run) == ["steps_refused"]
    else:
        # The former extension is gone.
        assert run.state == RunState.IN_STEP
