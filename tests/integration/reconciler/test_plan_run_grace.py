"""Countdowns are remembered with the plan: begun, ended and told in the Log; a preview begins none."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shared.database import graces
from shared.database.tables import GraceRow, RunKind, RunState
from shared.domain.extension import PhoneSystemSnapshot
from shared.domain.grace import Grace
from shared.domain.person import AbsentPerson
from shared.domain.rules import Outcome
from shared.settings.documents import RulesSettings
from shared.worker.context import Context
from tests.builders.domain import guid, make_binding, make_extension, make_person, make_phone_system
from tests.integration.reconciler.collected import (
    DIRECTORY,
    SITE,
    bind,
    configure,
    end,
    log_of,
    planned,
    reasons_of,
    steps_of,
)

pytestmark = pytest.mark.every_database

GONE = [AbsentPerson(guid(1), found=False)]
STAYING = [make_person(index) for index in range(2, 30)]


def _graces(context: Context) -> list[Grace]:
    with context.database.read() as session:
        return graces.of_site(session, SITE)


def _phone_system(*, is_enabled: bool) -> PhoneSystemSnapshot:
    others = [make_extension(index) for index in range(2, 30)]
    return make_phone_system([make_extension(1, enabled=is_enabled), *others])


@pytest.fixture
def company(context: Context) -> Context:
    """A site in step in which leavers have days."""
    configure(context)
    configure(context, RulesSettings(when_deleted=Outcome.DISABLE_THEN_DELETE, deleted_grace_days=7))
    bind(context, *(make_binding(index, person_name=f"Anna{index} Berg{index}") for index in range(1, 30)))
    end(context, planned(context, [make_person(1), *STAYING], _phone_system(is_enabled=True)))
    return context


def test_days_of_what_is_disabled_already_begin_with_the_run_and_not_with_a_preview(company: Context) -> None:
    preview = planned(company, STAYING, _phone_system(is_enabled=False), GONE, kind=RunKind.PREVIEW)
    assert (preview.state, _graces(company)) == (RunState.IN_STEP, [])
    run = planned(company, STAYING, _phone_system(is_enabled=False), GONE)
    (grace,) = _graces(company)
    assert run.state == RunState.IN_STEP
    assert grace.began_at is not None
    assert grace.ends_at == grace.began_at + timedelta(days=7)
    assert "grace.begun" in log_of(company, run)
    again = planned(company, STAYING, _phone_system(is_enabled=False), GONE)
    assert "grace.begun" not in log_of(company, again)


def test_a_countdown_that_is_over_is_deleted_and_one_whose_person_is_back_is_forgotten(
    company: Context,
) -> None:
    planned(company, STAYING, _phone_system(is_enabled=False), GONE)
    week_ago = datetime.now(UTC) - timedelta(days=7)
    with company.database.begin() as session:
        session.execute(update(GraceRow).values(began_at=week_ago))
    run = planned(company, STAYING, _phone_system(is_enabled=False), GONE)
    assert steps_of(company, run) == ["delete_extension 201"]
    end(company, run)
    back = planned(company, [make_person(1), *STAYING], _phone_system(is_enabled=False))
    assert "grace.ended" in log_of(company, back)
    assert _graces(company) == []


def test_what_a_person_decides_while_a_run_is_planned_stands(company: Context) -> None:
    planned(company, STAYING, _phone_system(is_enabled=False), GONE)
    (grace,) = _graces(company)
    with company.database.begin() as session:
        session.execute(update(GraceRow).values(is_kept=True))
        # The plan was made from what stood before.
        graces.put(session, SITE, [grace])
    assert [item.is_kept for item in _graces(company)] == [True]


def test_a_reading_that_something_speaks_against_begins_no_days(company: Context) -> None:
    configure(company, DIRECTORY.model_copy(update={"filter": "(company=x)"}))
    changed = [make_person(2, mobile="5"), *STAYING[1:]]
    run = planned(company, changed, _phone_system(is_enabled=False), GONE)
    assert (reasons_of(run), _graces(company)) == (["selection_changed"], [])


def test_a_deletion_waits_for_the_disabling_of_a_plan_that_is_held(company: Context) -> None:
    planned(company, STAYING, _phone_system(is_enabled=True), GONE)
    (grace,) = _graces(company)
    assert (grace.began_at, grace.ends_at) == (None, None)
