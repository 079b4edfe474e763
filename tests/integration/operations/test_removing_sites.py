"""Removing a site: with everything that is its own and nothing of the others'."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from services.api.access import accounts, tokens
from services.api.access.site_roles import roles_of
from services.api.accounts import queries as audit
from services.api.settings.use_cases import sections as settings
from services.api.sites.use_cases import removal as site_removal
from services.api.sites.use_cases import sites
from shared.database.commands import command_values, finding_values
from shared.database.pages import write_page
from shared.database.tables import (
    Account,
    AccountRole,
    ApiToken,
    Asset,
    AuditEntry,
    Base,
    BindingRow,
    ChangeRow,
    CommandRow,
    Event,
    FindingRow,
    GivenNumberRow,
    GraceRow,
    NotifiedState,
    OutboxRow,
    OwedSteps,
    PersonDoubt,
    ReadingMemory,
    RollReading,
    RollRow,
    Run,
    RunState,
    SettingsVersion,
    Site,
    SnapshotPage,
    SnapshotPart,
    WatchRow,
)
from shared.domain.memory import Doubt, Memory
from shared.domain.person import AbsentPerson
from shared.domain.reading import Reading
from shared.errors import Conflict, LeaseHeld, SettingsInvalid
from shared.runs.controllers import remember
from shared.runs.retention import BATCH, PAGE_BATCH, delete_runs
from shared.work import leases
from shared.worker.context import Context
from tests.integration.api.builders import CLASH, COMMANDS, complete_units, make_person, make_run
from tests.integration.api.conftest import READY
from tests.integration.cli.conftest import Terminal

OF_A_SITE = (
    SettingsVersion,
    Run,
    BindingRow,
    Event,
    Asset,
    ApiToken,
    ReadingMemory,
    PersonDoubt,
    OwedSteps,
    GraceRow,
    GivenNumberRow,
    WatchRow,
    ChangeRow,
    RollRow,
    RollReading,
    NotifiedState,
    OutboxRow,
)
OF_A_RUN = (SnapshotPart, CommandRow, FindingRow)


def _fill(context: Context, site: str) -> None:
    """A site with some of everything that can belong to one."""
    phone_system = {**READY["phone_system"], "base_url": f"https://{site}.example.test:5001"}
    settings.apply_settings(context, site, {**READY, "phone_system": phone_system}, "test")
    run_id = make_run(context, site=site)
    complete_units(context, run_id, [make_person()])
    now = datetime.now(UTC)
    with context.database.begin() as session:
        session.execute(update(Run).where(Run.id == run_id).values(state=RunState.HELD.value))
        session.execute(insert(CommandRow), [command_values(run_id, command) for command in COMMANDS])
        session.execute(insert(FindingRow).values(finding_values(run_id, CLASH)))
        session.add(
            BindingRow(
                site_id=site, person_guid="g", extension_id=1, number="100", origin="created", updated_at=now
            )
        )
        session.add(
            Asset(site_id=site, kind="logo", media_type="image/png", width=1, height=1, sha256="0" * 64,
                  content=b"x", updated_at=now)
        )  # fmt: skip
        reading = Reading("dc1.corp.example", "dc1:636", usn=1)
        memory = Memory().accepting((reading,), "x")
        remember(session, site, replace(memory, doubts={"g": Doubt("d", now, (reading,))}))
        session.add(
            OwedSteps(site_id=site, number="100", run_id=run_id, person_guid="g", person_name="", before={}, after={},
                      owes="creation", begun_at=now)
        )  # fmt: skip
        session.add(
            GraceRow(
                site_id=site,
                holder="g",
                extension_id=1,
                number="100",
                departure="deleted",
                days=30,
                began_at=now,
            )
        )
        session.add(RollRow(site_id=site, holder="g", state="in_sync", since=now, digest=""))
        session.add(RollReading(site_id=site, run_id=run_id, read_at=now))
        session.add(GivenNumberRow(site_id=site, number="100", person_guid="g", given_at=now))
        session.add(WatchRow(site_id=site, directory="", state="live"))
        session.add(NotifiedState(site_id=site, kind="plan_waits", lasting=["plan"]))
        session.add(
            OutboxRow(site_id=site, channel="email", kind="plan_waits", severity="warning", message_id="m", title="t", lines=[],
                      created_at=now, due_at=now)
        )  # fmt: skip
        session.add(ChangeRow(site_id=site, directory="", guid="g", hint="changed", noticed_at=now))
        session.add(ApiToken(name=f"of {site}", site_id=site, token_hash=site.ljust(64, "0"), created_at=now))


def _rows(context: Context, site: str) -> dict[str, int]:
    with context.database.read() as session:
        counts = {
            table.__tablename__: session.scalar(
                select(func.count()).select_from(table).where(table.site_id == site)
            )
            for table in OF_A_SITE
        }
        runs = select(Run.id).where(Run.site_id == site)
        for table in OF_A_RUN:
            counts[table.__tablename__] = session.scalar(
                select(func.count()).select_from(table).where(table.run_id.in_(runs))
            )
        parts = select(SnapshotPart.id).where(SnapshotPart.run_id.in_(runs))
        counts["snapshot_pages"] = session.scalar(
            select(func.count()).select_from(SnapshotPage).where(SnapshotPage.part_id.in_(parts))
        )
    return {name: count or 0 for name, count in counts.items()}


@pytest.fixture
def oslo(context: Context) -> str:
    """A site full of everything, beside the default site with the same."""
    sites.create_site(context, "oslo", "test", "Oslo")
    _fill(context, "oslo")
    _fill(context, "default")
    assert all(_rows(context, "oslo").values()), "the test must fill every table"
    return "oslo"


def test_nobody_keeps_a_role_at_a_removed_site(context: Context, oslo: str) -> None:
    with context.database.begin() as session:
        for name, held in (("both", {"oslo": "manager", "default": "viewer"}), ("one", {"oslo": "manager"})):
            session.add(
                Account(
                    name=name,
                    display_name=name,
                    role="manager",
                    site_roles=held,
                    created_at=datetime.now(UTC),
                )
            )
    site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    with context.database.read() as session:
        left = {account.name: account.site_roles for account in session.scalars(select(Account))}
    assert left == {"both": {"default": "viewer"}, "one": {}}


def test_what_is_given_while_a_site_is_removed_counts_at_no_later_one_of_its_id(
    context: Context, oslo: str
) -> None:
    with context.database.begin() as session:
        account = Account(name="vera", display_name="Vera", role="viewer", created_at=datetime.now(UTC))
        session.add(account)
    site_removal._stop(context, oslo, "anna")
    accounts.change_role(context, account.id, AccountRole.MANAGER, "anna", oslo)
    token = tokens.create_token(context, "late", site_id=oslo)
    site_removal._end(context, oslo, "anna", {"tokens": 0, "runs": _empty(context, oslo)})
    sites.create_site(context, oslo, "anna")
    assert tokens.valid_token(context, token) is None
    with context.database.read() as session:
        roles = roles_of(session.get_one(Account, account.id))
    assert roles.role_at(oslo) is AccountRole.VIEWER


def _empty(context: Context, site: str) -> int:
    gone = delete_runs(context.database, _runs_of(context, site))
    site_removal._forget(context, BindingRow.person_guid, BindingRow.site_id == site)
    site_removal._forget(context, RollRow.holder, RollRow.site_id == site)
    return gone


def _runs_of(context: Context, site: str) -> list[int]:
    with context.database.read() as session:
        return list(session.scalars(select(Run.id).where(Run.site_id == site)))


@pytest.mark.parametrize(
    ("section", "place", "rule"),
    [("directory_groups", "groups", {"group": "CN=Oslo"}), ("single_sign_on", "roles", {"value": "Oslo"})],
)
def test_a_site_stays_while_a_rule_of_signing_in_gives_a_role_there(
    context: Context, oslo: str, section: str, place: str, rule: dict[str, str]
) -> None:
    rules = {place: [{**rule, "role": "manager", "site": oslo}]}
    settings.apply_settings(context, "default", {section: rules}, "test")
    before = _rows(context, oslo)
    with pytest.raises(Conflict, match="gives roles at the site 'oslo'"):
        site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    assert _rows(context, oslo) == before
    settings.apply_settings(context, "default", {section: {place: []}}, "test")
    site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    assert not any(_rows(context, oslo).values())


@pytest.mark.every_database
def test_a_removed_site_takes_all_its_own_and_leaves_the_others_alone(context: Context, oslo: str) -> None:
    before = _rows(context, "default")
    gone = site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    assert gone["bindings"] == gone["tokens"] == 1
    assert not any(_rows(context, oslo).values())
    assert _rows(context, "default") == before
    with context.database.read() as session:
        assert session.get(Site, oslo) is None
        assert _orphans(session) == 0
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.site_id == oslo)).all()
    assert {"site.created", "site.removal_begun", "site.removed"} <= set(actions)
    assert audit.verify_audit(context) is None


def _orphans(session: Any) -> int:
    counts = [
        session.scalar(select(func.count()).select_from(table).where(table.run_id.not_in(select(Run.id))))
        for table in OF_A_RUN
    ]
    return sum(count or 0 for count in counts)


def test_more_rows_than_fit_a_batch_go_too(context: Context, oslo: str) -> None:
    now = datetime.now(UTC)
    binding = {"site_id": oslo, "origin": "created", "person_name": "", "updated_at": now}
    entry = {"site_id": oslo, "occurred_at": now, "level": "info", "code": "x", "message": "x", "actor": ""}
    with context.database.begin() as session:
        session.execute(
            insert(BindingRow),
            [binding | {"person_guid": f"p{n}", "extension_id": n, "number": str(n)}
             for n in range(10, 2 * BATCH + 11)],
        )  # fmt: skip
        session.execute(insert(Event), [entry] * (BATCH + 1))
        part = session.scalars(select(SnapshotPart).join(Run).where(Run.site_id == oslo)).first()
        assert part is not None
        for page in range(1, PAGE_BATCH + 2):
            write_page(session, part.id, 7, page, [AbsentPerson("x", found=False)])
    assert site_removal.remove_site(context, oslo, "anna", confirm=oslo)["bindings"] == 2 * BATCH + 2
    assert not any(_rows(context, oslo).values())


@pytest.mark.parametrize("state", [RunState.COLLECTING, RunState.EXECUTING])
def test_a_site_whose_run_is_going_stays_whole(context: Context, oslo: str, state: RunState) -> None:
    with context.database.begin() as session:
        newest = session.scalar(select(func.max(Run.id)).where(Run.site_id == oslo))
        session.execute(update(Run).where(Run.id == newest).values(state=state.value))
    before = _rows(context, oslo)
    with pytest.raises(Conflict, match=f"Run {newest} of the site 'oslo' is still active"):
        site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    assert _rows(context, oslo) == before


@pytest.mark.parametrize("typed", ["", "Oslo", "default"])
def test_the_id_must_be_typed_exactly(context: Context, oslo: str, typed: str) -> None:
    before = _rows(context, oslo)
    with pytest.raises(SettingsInvalid, match="typing its id"):
        site_removal.remove_site(context, oslo, "anna", confirm=typed)
    assert _rows(context, oslo) == before


def test_the_default_site_is_emptied_only_when_asked_for_expressly(context: Context, oslo: str) -> None:
    with pytest.raises(SettingsInvalid, match="--even-default"):
        site_removal.remove_site(context, "default", "anna", confirm="default")
    assert all(_rows(context, "default").values())
    site_removal.remove_site(context, "default", "anna", confirm="default", even_default=True)
    assert not any(_rows(context, "default").values())
    assert "default" in {site.id for site in sites.list_sites(context)}
    assert all(_rows(context, oslo).values())


def test_a_removal_that_was_broken_off_is_taken_up_again(context: Context, oslo: str) -> None:
    site_removal._stop(context, oslo, "anna")
    # From the first step on nothing of the site can start.
    with pytest.raises(SettingsInvalid):
        make_run(context, site=oslo)
    site_removal.remove_site(context, oslo, "anna", confirm=oslo)
    assert not any(_rows(context, oslo).values())


def test_only_one_process_removes_a_site(context: Context, oslo: str) -> None:
    assert leases.take(context.database, f"site removal:{oslo}", "another", 60)
    with pytest.raises(LeaseHeld):
        site_removal.remove_site(context, oslo, "anna", confirm=oslo)


def test_a_site_is_removed_over_the_api(context: Context, oslo: str, client: httpx.Client) -> None:
    refused = client.delete(f"/api/v1/sites/{oslo}", params={"confirm": "other"})
    assert (refused.status_code, refused.json()["code"]) == (422, "settings_invalid")
    answer = client.delete(f"/api/v1/sites/{oslo}", params={"confirm": oslo})
    assert answer.status_code == 200
    assert answer.json()["id"] == oslo
    assert client.delete(f"/api/v1/sites/{oslo}", params={"confirm": oslo}).status_code == 404
    assert [item["id"] for item in client.get("/api/v1/sites").json()["items"]] == ["default"]


def test_sites_are_made_listed_and_removed_on_the_command_line(rollcall: Terminal) -> None:
    assert rollcall("site", "create", "oslo", "--name", "Oslo").code == 0
    assert [item["id"] for item in rollcall("site", "list", "--json").json] == ["default", "oslo"]
    assert rollcall("site", "remove", "oslo", "--confirm", "olso").code == 2
    assert rollcall("site", "remove", "oslo", "--confirm", "oslo").code == 0
    assert [item["id"] for item in rollcall("site", "list", "--json").json] == ["default"]


def test_every_table_that_names_a_site_is_looked_at_here() -> None:
    naming = {table.name for table in Base.metadata.tables.values() if "site_id" in table.columns}
    assert naming == {table.__tablename__ for table in OF_A_SITE} | {"audit"}
