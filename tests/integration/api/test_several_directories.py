"""Other directories of a site in its settings: their secrets, and the ways in which they are refused."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import case, select, update

from services.api.connections.use_cases import controllers
from services.api.operations.use_cases.metrics import metrics
from services.api.settings.queries.history import read_history, values_of
from services.api.settings.use_cases import sections as settings
from shared.database.tables import RunState, SettingsVersion, SnapshotPart
from shared.domain.memory import Memory
from shared.domain.reading import Reading
from shared.errors import SettingsInvalid
from shared.runs.controllers import remember
from shared.settings import store
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.api.builders import bind, complete_units, make_person, make_run, set_state
from tests.integration.api.conftest import READY, SITE
from tests.support.metrics import figures

SECRET = "the-other-secret"
EMEA = "OU=Sales,DC=emea,DC=example"
OTHER: dict[str, Any] = {
    "name": "emea.example",
    "servers": ["dc1.emea.example"],
    "user": "rollcall@emea.example",
    "password": SECRET,
    "units": [{"dn": EMEA}],
}


def _save(context: Context, *others: dict[str, Any]) -> None:
    settings.replace_section(context, SITE, Section.DIRECTORIES, {"others": list(others)}, "anna")


def _secret(context: Context, index: int = 0) -> str:
    return context.site_settings(SITE).settings.directories.others[index].password.get_secret_value()


def test_a_secret_in_the_list_is_sealed_kept_by_name_and_never_read(ready: Context) -> None:
    _save(ready, OTHER)
    with ready.database.read() as session:
        row = session.scalars(select(SettingsVersion).where(SettingsVersion.section == "directories")).one()
    assert SECRET not in json.dumps(row.document)
    assert len(store.secrets_in(row.document)) == 1
    assert store.with_newest_key(row.document, ready.encryption) == row.document
    values, _version = settings.read_section(ready, SITE, Section.DIRECTORIES)
    assert values["others"][0]["password"] == "set"
    exported = settings.export_settings(ready, SITE)
    assert "password" not in exported["directories"]["others"][0]
    assert settings.apply_settings(ready, SITE, exported, "anna") == {}
    second = OTHER | {"name": "apac.example", "password": "x", "units": []}
    _save(ready, second, {**values["others"][0], "page_size": 500})
    assert (_secret(ready, 0), _secret(ready, 1)) == ("x", SECRET)
    said = str(read_history(ready, SITE, Section.DIRECTORIES))
    assert "apac.example" in said
    assert "Page size" in said
    assert SECRET not in said
    assert SECRET not in str(values_of(ready, SITE, Section.DIRECTORIES, 2))
    assert SECRET not in str(settings.export_settings(ready, SITE))


def test_a_secret_in_the_list_goes_to_its_own_address_only(ready: Context) -> None:
    _save(ready, OTHER)
    moved = OTHER | {"servers": ["elsewhere.example"], "password": None}
    with pytest.raises(SettingsInvalid, match="Enter it again") as refused:
        _save(ready, moved)
    assert refused.value.details["place"] == "directories.others.0.password"
    # Not even where the address is that of another directory of the site.
    with pytest.raises(SettingsInvalid, match="Enter it again"):
        _save(ready, OTHER | {"servers": READY["directory"]["servers"], "password": None})
    _save(ready, OTHER | {"name": "renamed.example", "servers": ["elsewhere.example"], "password": None})
    assert _secret(ready) == ""


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([OTHER | {"name": ""}], "needs a name"),
        ([OTHER, OTHER | {"name": "EMEA.example", "units": []}], "Two domains are named"),
        ([OTHER, OTHER | {"name": "b"}], "listed in two directories"),
        ([OTHER | {"units": READY["directory"]["units"]}], "listed in two directories"),
        ([OTHER | {"servers": ["dc1:3269"]}], "Global Catalog"),
        ([OTHER | {"unknown": 1}], "Unknown setting"),
    ],
)
def test_what_cannot_be_is_refused_whole(ready: Context, others: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        _save(ready, *others)
    assert ready.site_settings(SITE).settings.directories.others == ()


def test_a_site_with_one_directory_reads_as_before(ready: Context) -> None:
    site = ready.site_settings(SITE).settings
    assert list(site.directory_by_key) == [""]
    assert store.selection_of(site) == store.selection_hash(site.directory, site.rules)


def test_a_phone_system_that_another_site_manages_is_refused_and_one_shared_since_before_is_not(
    ready: Context,
) -> None:
    bind(ready)
    with ready.database.begin() as session:
        session.add(store.new_site("branch"))

    unshared = {key: values for key, values in READY.items() if key != "phone_system"}
    settings.apply_settings(ready, "branch", unshared, "anna")
    with pytest.raises(SettingsInvalid, match="Another site manages this phone system"):
        settings.replace_section(ready, "branch", Section.PHONE_SYSTEM, READY["phone_system"], "anna")
    document = store.validate(Section.PHONE_SYSTEM, READY["phone_system"])
    with ready.database.begin() as session:
        store.write(session, "branch", document, actor="an earlier release", encryption=ready.encryption)
    changed = READY["phone_system"] | {"concurrency": 4}
    assert settings.replace_section(ready, "branch", Section.PHONE_SYSTEM, changed, "anna") == 2


def test_the_figures_of_several_directories_are_told_apart_and_those_of_one_are_as_before(
    ready: Context,
) -> None:
    run = make_run(ready)
    complete_units(ready, run, [make_person()])
    set_state(ready, run, RunState.IN_STEP, finished_at=datetime.now(UTC))
    told = figures(metrics(ready, is_broker_well=False))
    assert told['rollcall_directory_complete{site="default"}'] == 1
    assert told['rollcall_directory_items{site="default"}'] == 0
    _save(ready, OTHER)
    good = make_run(ready)
    complete_units(ready, good, [make_person()])
    with ready.database.begin() as session:
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == good, SnapshotPart.unit == EMEA)
            .values(item_count=7)
        )
    set_state(ready, good, RunState.IN_STEP, finished_at=datetime.now(UTC))
    told = figures(metrics(ready, is_broker_well=False))
    assert told['rollcall_directory_items{directory="corp.example",site="default"}'] == 0
    assert told['rollcall_directory_items{directory="emea.example",site="default"}'] == 7
    assert 'rollcall_directory_items{site="default"}' not in told
    failed = make_run(ready)
    with ready.database.begin() as session:
        session.execute(
            update(SnapshotPart)
            .where(SnapshotPart.run_id == failed)
            .values(state=case((SnapshotPart.unit == EMEA, "failed"), else_="complete"))
        )
    set_state(ready, failed, RunState.DONE)
    told = figures(metrics(ready, is_broker_well=False))
    assert told['rollcall_directory_complete{directory="corp.example",site="default"}'] == 1
    assert told['rollcall_directory_complete{directory="emea.example",site="default"}'] == 0


def test_controllers_that_are_behind_are_measured_within_their_directory(ready: Context) -> None:
    now = datetime.now(UTC)
    corp, emea = (
        Reading(f"dc1.{name}", "dc1:636", invocation_id=name, usn=1, read_at=now) for name in ("corp", "emea")
    )
    behind = Reading("dc2.emea", "dc2:636", invocation_id="emea2", usn=1, read_at=now)
    of_emea = Memory(alternatives=((emea,),), latest=(behind,), behind_since=now)
    with ready.database.begin() as session:
        remember(session, SITE, Memory(alternatives=((corp,),)), {"emea.example": of_emea})
    assert controllers.advice_of(ready, SITE) == ()
    (said,) = controllers.advice_of(ready, SITE, "emea.example")
    assert said.startswith("Domain controller dc2.emea (dc2:636) has been behind dc1.emea (dc1:636) since ")
