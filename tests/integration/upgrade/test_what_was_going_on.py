"""An upgrade of the first release in the middle of a run: it goes on, each of its commands takes effect once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.api.operations.use_cases import backup
from services.api.operations.use_cases.restore import restore
from services.cli.deployment import workers
from services.sandbox.directory import RunningDirectory, build_company
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from services.scheduler.due_runs import sweep
from shared.database.commands import row_command
from shared.database.pages import read_items
from shared.database.tables import CommandRow, PartKind, Run, RunState
from shared.domain.command import CommandKind, CommandState
from shared.domain.person import Person
from shared.domain.plan import CONFLICTS_WAIT
from shared.worker.context import Context
from tests.integration.operations.deployments import empty_deployment
from tests.integration.upgrade.conftest import upgraded
from tests.support.first_release import KILLED_RUN, PEOPLE, furnish, make_as_read, point_at
from tests.support.phone_system import changes_made, extension
from tests.support.site import Site

pytestmark = pytest.mark.every_database
FIELDS = {"first_name": "FirstName", "last_name": "LastName", "email": "EmailAddress", "mobile": "Mobile",
          "enabled": "Enabled"}  # fmt: skip


@pytest.fixture
def phone_system() -> Iterator[RunningPhoneSystem]:
    """The phone system as it was at the moment of the kill."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=6)) as running:
        furnish(running)
        yield running


@pytest.fixture
def context(folder: Path, phone_system: RunningPhoneSystem) -> Iterator[Context]:
    """The upgraded deployment, whose settings reach both ends as they were."""
    company = build_company(PEOPLE)
    with RunningDirectory(company) as directory:
        point_at(folder / "rollcall.db", directory, phone_system)
        with upgraded(folder) as context:
            site = Site(context)
            people = [
                person
                for part in site.parts(KILLED_RUN)
                if part.kind == PartKind.UNIT
                for person in read_items(context.database, part.id, Person)
            ]
            password = context.site_settings("default").settings.directory.password
            make_as_read(company, people, password.get_secret_value())
            yield context


def _wanted(row: CommandRow) -> dict[str, Any]:
    """The fields of the extension that the command is to write."""
    return {FIELDS[name]: value for name, value in row_command(row).after.items() if name in FIELDS}


def _has(phone_system: RunningPhoneSystem, row: CommandRow) -> bool:
    found = extension(phone_system, row.number)
    return {name: found[name] for name in _wanted(row)} == _wanted(row)


def test_the_killed_run_goes_on_and_the_next_one_finds_nothing_to_do(
    context: Context, phone_system: RunningPhoneSystem
) -> None:
    site = Site(context)
    commands = site.commands(KILLED_RUN)
    assert all(_wanted(row) for row in commands)
    # The outcome of what was in hand is known to the phone system alone.
    had_effect = {row.id for row in commands if _has(phone_system, row)}
    assert had_effect
    with workers(context):
        sweep(context)
        assert site.wait_for(KILLED_RUN, {RunState.DONE}).error_code is None
        made = changes_made(phone_system)
        for row in site.commands(KILLED_RUN):
            assert row.state == CommandState.DONE, row.error_message
            assert _has(phone_system, row)
            assert made["update_user", row.number] == (row.id not in had_effect), row.number
        assert sum(made.values()) == len(commands) - len(had_effect)
        _assert_nothing_to_do(site, site.complete())
        assert changes_made(phone_system) == made
    disabled = {row.person_guid for row in commands if row.kind == CommandKind.DISABLE_EXTENSION}
    assert {guid for guid, row in site.bindings().items() if row.is_disabled_by_rollcall} >= disabled


def _assert_nothing_to_do(site: Site, run: Run) -> None:
    """But for two conflicts of the company that a person must settle."""
    assert not site.commands(run.id), site.story()
    assert (run.state, run.error_code) == (RunState.DONE, CONFLICTS_WAIT), site.story()


def test_a_backup_of_it_restored_elsewhere_finds_both_ends_in_step(
    context: Context, tmp_path: Path, phone_system: RunningPhoneSystem
) -> None:
    with workers(context):
        sweep(context)
        Site(context).wait_for(KILLED_RUN, {RunState.DONE})
    saved = json.loads(json.dumps(backup.collect(context, "test")))
    other = empty_deployment(tmp_path / "other")
    try:
        restored = restore(other, backup.parse(saved), "test")
        assert (restored.sites, restored.tokens) == (2, 3)
        with workers(other):
            _assert_nothing_to_do(Site(other), Site(other).plan())
    finally:
        other.database.close()
