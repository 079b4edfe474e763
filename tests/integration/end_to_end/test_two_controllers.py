"""Two controllers of one domain, one of which lags: what is only so there waits, and nothing goes back."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.api.connections.use_cases import controllers
from services.sandbox.directory import RunningDirectory
from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.database.tables import PersonDoubt, ReadingMemory, Run, RunKind, RunState, SnapshotPart
from shared.settings.documents import DirectorySettings
from tests.integration.end_to_end.conftest import FREE
from tests.support.phone_system import extension, phone_system_settings, picture
from tests.support.site import SITE, Site, embedded_site
from tests.support.staff import Staff, directory_settings
from tests.support.waiting import wait_until


class Domain:
    """dc1 with the people, dc2 as it was when it last heard of dc1, a phone system, and the site that reads them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self.staff = Staff()
        self.dc1 = stack.enter_context(RunningDirectory(self.staff.directory, host_name="dc1"))
        self.dc2 = self.dc1
        self.phone_system = stack.enter_context(RunningPhoneSystem(PhoneSystemOptions(extensions=0)))
        self.site: Site = stack.enter_context(embedded_site(folder))

    def split(self) -> None:
        """From now on nothing reaches dc2."""
        self.dc2 = self._stack.enter_context(
            RunningDirectory(self.staff.directory.replica(), host_name="dc2")
        )

    def configure(self, **rules: Any) -> None:
        """Connect both ends; dc1 is asked first."""
        servers = [f"127.0.0.1:{served.port}" for served in (self.dc1, self.dc2)]
        directory = directory_settings(
            self.dc1,
            *self.staff.units,
            servers=servers,
            ca_certificate=self.dc1.ca_certificate + self.dc2.ca_certificate,
            tls_name="localhost",
            connect_timeout_seconds=20,
            receive_timeout_seconds=20,
        )
        self.site.configure(
            {
                "directory": directory,
                "phone_system": phone_system_settings(self.phone_system),
                "limits": FREE,
                "rules": rules,
            }
        )

    def run(self) -> Run:
        """A run from its start to its end."""
        run = self.site.complete()
        assert run.state in (RunState.DONE, RunState.IN_STEP), (run.error_message, self.site.story())
        return run

    def is_behind(self, run: Run) -> str:
        """What the run says of the controller that is behind; empty when it says nothing."""
        found = self.site.findings(run.id).get("controller_behind", [])
        return found[0].message if found else ""

    def numbers(self) -> set[str]:
        """The extensions there are."""
        return {number for number in picture(self.phone_system) if number.isdecimal()}

    def pass_time(self, hours: float) -> None:
        """Let the memory of readings be so much older."""
        with self.site.context.database.begin() as session:
            for row in session.query(PersonDoubt):
                row.since -= timedelta(hours=hours)
            for memory in session.query(ReadingMemory):
                if memory.behind_since is not None:
                    memory.behind_since -= timedelta(hours=hours)


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Domain]:
    """Ada 201 and Bob 202 with their extensions; dc2 knows both and hears of nothing afterwards."""
    with ExitStack() as stack:
        made = Domain(stack, tmp_path)
        made.staff.hire("ada", "201")
        made.staff.hire("bob", "202")
        made.split()
        yield made


def _settled(domain: Domain, **rules: Any) -> None:
    domain.configure(**rules)
    domain.run()
    assert domain.numbers() >= {"201", "202"}


def _life(domain: Domain, what: str) -> None:
    staff = domain.staff
    match what:
        case "joiner":
            staff.hire("nora", "399")
        case "rename":
            staff.change("bob", sn="Newname", mail="newname@corp.example.test")
        case "new number":
            staff.change("bob", telephoneNumber="333")
        case "cleared number":
            staff.change("bob", telephoneNumber=None)
        case "disabled account":
            staff.set_enabled("bob", False)
        case "deleted account":
            staff.leave("bob")


@pytest.mark.parametrize("outcome", ["disable", "delete"])
@pytest.mark.parametrize(
    "what", ["joiner", "rename", "new number", "cleared number", "disabled account", "deleted account"]
)
def test_nothing_goes_back_on_the_controller_that_lags(domain: Domain, what: str, outcome: str) -> None:
    _settled(domain, when_deleted="delete", when_disabled=outcome, when_number_cleared=outcome)
    _life(domain, what)
    domain.run()
    before = picture(domain.phone_system)
    domain.dc1.stop()
    for _ in range(2):
        run = domain.run()
        assert picture(domain.phone_system) == before
        assert run.state == RunState.DONE, "nothing is in sync while the reading is older"
        said = domain.is_behind(run)
        assert "dc2.corp.example.test" in said
        assert "has not yet received everything that dc1.corp.example.test" in said
        assert "Nora" in said or "bob" in said.casefold() or "nora" in said
    domain.dc1.start()
    run = domain.run()
    assert (run.state, domain.is_behind(run)) == (RunState.IN_STEP, "")
    assert picture(domain.phone_system) == before


def test_a_disabled_account_goes_at_once_on_any_controller_and_does_not_come_back_on_an_older_one(
    domain: Domain,
) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    lagging = domain.dc2.directory
    lagging.disable(domain.staff.dn("bob"))
    domain.run()
    assert extension(domain.phone_system, "202")["Enabled"] is False
    assert extension(domain.phone_system, "399")["Enabled"] is True
    # dc1 has not heard of it.
    domain.dc1.start()
    run = domain.run()
    assert extension(domain.phone_system, "202")["Enabled"] is False
    assert "Givenbob" in domain.is_behind(run)
    # Now it has.
    domain.staff.set_enabled("bob", False)
    domain.staff.directory.learn(lagging)
    run = domain.run()
    assert (run.state, domain.is_behind(run)) == (RunState.IN_STEP, "")
    domain.staff.set_enabled("bob", True)
    domain.run()
    assert extension(domain.phone_system, "202")["Enabled"] is True


def test_a_controller_that_has_caught_up_is_believed(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    domain.dc2.directory.learn(domain.staff.directory)
    run = domain.run()
    assert "399" not in domain.numbers(), "it knows of everything, and she is gone"
    assert domain.is_behind(run) == ""


def test_a_controller_that_comes_back_lagging_is_left_for_the_one_that_was_read_last(domain: Domain) -> None:
    _settled(domain)
    domain.dc1.stop()
    other = domain.dc2.directory
    other.modify(domain.staff.dn("ada"), {"sn": "Married"})
    domain.run()
    domain.pass_time(25)
    domain.run()
    assert extension(domain.phone_system, "201")["LastName"] == "Married"
    domain.dc1.start()
    run = domain.run()
    assert (run.state, domain.is_behind(run)) == (RunState.IN_STEP, "")
    assert {part.source for part in domain.site.parts(run.id) if part.kind == "unit"} == {domain.dc2.tls_name}


def test_what_every_reading_agrees_on_for_a_day_counts(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    domain.run()
    domain.pass_time(23)
    assert "not changed" not in domain.is_behind(domain.run())
    assert "399" in domain.numbers()
    domain.pass_time(2)
    domain.run()
    assert "399" not in domain.numbers()
    run = domain.run()
    assert (run.state, domain.is_behind(run)) == (RunState.IN_STEP, "")


def test_a_reading_that_shows_the_person_again_breaks_the_agreement(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    domain.run()
    domain.pass_time(20)
    domain.dc1.start()
    domain.run()
    domain.dc1.stop()
    domain.run()
    domain.pass_time(20)
    domain.run()
    assert "399" in domain.numbers()


def test_life_goes_on_on_the_other_controller_for_everybody_who_does_not_differ(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    domain.run()
    other = domain.dc2.directory
    other.modify(domain.staff.dn("ada"), {"sn": "Married"})
    other.delete(domain.staff.dn("bob"))
    domain.run()
    assert extension(domain.phone_system, "201")["LastName"] == "Married"
    assert "202" not in domain.numbers(), "this controller had shown him"
    assert "399" in domain.numbers()
    # dc1 comes back and knows nothing of that.
    domain.dc1.start()
    run = domain.run()
    assert extension(domain.phone_system, "201")["LastName"] == "Married"
    assert "202" not in domain.numbers()
    assert run.state == RunState.DONE
    assert "Married" in domain.is_behind(run) or "ada" in domain.is_behind(run)


def test_a_controller_that_is_gone_for_good_is_forgotten_when_a_person_says_so(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    domain.dc1.stop()
    domain.run()
    assert "399" in domain.numbers()
    (behind,) = [item for item in controllers.list_controllers(domain.site.context, SITE) if not item.counts]
    assert behind.controller == "dc2.corp.example.test"
    controllers.forget(domain.site.context, SITE, "dc1", "Pat Admin")
    domain.run()
    assert "399" not in domain.numbers()
    assert any("dc1 was removed" in line for line in domain.site.log("controller.forgotten"))


def test_a_controller_set_back_to_yesterday_is_not_believed_even_when_its_numbers_have_grown_again(
    domain: Domain,
) -> None:
    _settled(domain)
    yesterday = domain.staff.directory.replica()
    yesterday.invocation_id = domain.staff.directory.invocation_id
    domain.staff.hire("nora", "399")
    for _ in range(5):
        domain.staff.change("nora", info="busy")
    domain.run()
    domain.dc1.stop()
    port, certificate = domain.dc1.port, domain.dc1
    restored = RunningDirectory(yesterday, port, host_name="dc1")
    _trust(domain, restored, certificate)
    with restored:
        run = domain.run()
        assert "was restored from a backup" in domain.is_behind(run)
        assert "399" in domain.numbers()
        for _ in range(30):
            yesterday.modify(domain.staff.dn("ada"), {"info": "busy"})
        run = domain.run()
        assert "399" in domain.numbers()
        assert run.state == RunState.DONE


def _trust(domain: Domain, *served: RunningDirectory) -> None:
    settings = {
        "servers": [f"127.0.0.1:{served[0].port}"],
        "ca_certificate": "".join(item.ca_certificate for item in served),
        "tls_name": "localhost",
        "user": domain.dc1.user,
        "password": domain.dc1.password,
        "units": [{"dn": unit} for unit in domain.staff.units],
    }
    DirectorySettings.model_validate(settings)
    domain.site.configure({"directory": settings})


def test_a_run_that_changes_controllers_in_the_middle_is_as_old_as_its_oldest_part(domain: Domain) -> None:
    _settled(domain)
    domain.staff.hire("nora", "399")
    domain.run()
    # The first unit comes from dc1, which then ends; the second comes from dc2.
    domain.dc1.faults.die_after(6)
    run_id = domain.site.start_run()
    domain.site.wait_for(run_id, {RunState.COLLECTING, RunState.DONE, RunState.IN_STEP})
    domain.dc1.stop()
    domain.site.bring_forward(run_id)
    domain.site.finish(run_id)
    assert "399" in domain.numbers()


def test_readings_of_two_controllers_that_show_the_same_are_in_sync(domain: Domain) -> None:
    _settled(domain)
    domain.dc1.stop()
    assert domain.run().state == RunState.IN_STEP
    domain.dc1.start()
    domain.staff.hire("nora", "399")
    domain.run()
    assert "399" in domain.numbers()


def test_the_wall_between_two_releases_is_no_wall(domain: Domain) -> None:
    """A site whose earlier runs remembered nothing takes the first reading as it is."""
    _settled(domain)
    with domain.site.context.database.begin() as session:
        session.query(PersonDoubt).delete()
        session.query(ReadingMemory).delete()
        session.execute(update(Run).values(approved_by="somebody"))
    domain.staff.leave("bob")
    domain.run()
    assert "202" not in domain.numbers()


def test_a_look_up_at_the_deed_on_a_controller_that_lags_proves_nothing(domain: Domain) -> None:
    _settled(domain)
    domain.staff.set_enabled("bob", False)
    run = domain.site.plan(RunKind.PREVIEW)
    with domain.site.context.database.begin() as session:
        session.execute(update(SnapshotPart).values(completed_at=datetime.now(UTC) - timedelta(hours=1)))
    domain.dc1.stop()
    domain.site.approve(run.id)

    def _waits() -> bool:
        domain.site.bring_forward(run.id)
        return bool(domain.site.log("run.interrupted"))

    wait_until("the run to wait", _waits, 60)
    assert extension(domain.phone_system, "202")["Enabled"] is True
    (said,) = domain.site.log("run.interrupted")
    assert "may not have every change" in said
    domain.dc1.start()

    def _is_done() -> bool:
        domain.site.bring_forward(run.id)
        return domain.site.run(run.id).state == RunState.DONE

    wait_until("the run to go on", _is_done, 60)
    assert extension(domain.phone_system, "202")["Enabled"] is False
