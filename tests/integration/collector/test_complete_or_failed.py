"""A unit is read completely or its part fails; never is a shorter reading taken for all."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select

from services.collector.active_directory import ActiveDirectory
from services.collector.people import mapping_of, unit_pages
from services.sandbox.directory import Directory, RunningDirectory, build_company
from shared.database.tables import PartKind, PartState, SnapshotPage, SnapshotPart
from shared.errors import DirectoryUnavailable
from shared.work.parts import PartWork
from tests.integration.collector.collecting import NOW, Collecting, sandbox_settings
from tests.support.office import Office
from tests.support.samba import SambaDomain

PEOPLE = 60


@pytest.fixture
def running() -> Iterator[RunningDirectory]:
    """Sixty people in one unit."""
    company = Directory()
    unit = company.add_unit("Staff")
    for index in range(PEOPLE):
        company.add(
            f"CN=Person {index},{unit}",
            {"objectClass": "user", "sn": f"Person {index}", "telephoneNumber": str(1000 + index)},
        )
    with RunningDirectory(company) as directory:
        yield directory


def _read(site: Collecting, running: RunningDirectory) -> SnapshotPart:
    site.configure(sandbox_settings(running, page_size=10))
    (part,) = site.read()
    return part


def _stored_pages(site: Collecting) -> int:
    with site.context.database.read() as session:
        return session.scalar(select(func.count()).select_from(SnapshotPage)) or 0


def test_a_complete_unit_has_its_proof(site: Collecting, running: RunningDirectory) -> None:
    part = _read(site, running)
    assert (part.state, part.item_count, part.page_count) == (PartState.COMPLETE, PEOPLE, 6)
    assert part.source == running.tls_name
    assert {person.number for person in site.people(part)} == {str(1000 + index) for index in range(PEOPLE)}
    expected = {"base_exists": True, "result": "success", "last_cookie": "empty", "pages": 6, "people": PEOPLE,
                "encrypted": True, "advice": []}  # fmt: skip
    assert expected.items() <= part.proof.items()


@pytest.mark.parametrize("fault", ["die_after", "freeze_after"])
def test_a_controller_lost_between_pages_fails_the_attempt_and_the_next_one_reads_all(
    site: Collecting, running: RunningDirectory, fault: str
) -> None:
    # Counted from the first search below the rootDSE; the third page of people is under way by then.
    getattr(running.faults, fault)(30, times=1)
    part = _read(site, running)
    assert (part.state, part.error_code) == (PartState.PENDING, "directory_unavailable")
    assert part.next_attempt_at is not None
    assert part.lease_holder is None
    assert _stored_pages(site) > 0
    part = site.read_again(part)
    assert (part.attempt, part.item_count) == (2, PEOPLE)
    assert len(site.people(part)) == PEOPLE
    assert _stored_pages(site) == part.page_count


@pytest.mark.parametrize("code", [51, 52, 53])
def test_an_error_on_a_later_page_is_no_end(site: Collecting, running: RunningDirectory, code: int) -> None:
    running.faults.fail_page(4, code)
    part = _read(site, running)
    assert (part.state, part.error_code) == (PartState.PENDING, "directory_unavailable")


def test_after_three_attempts_the_unit_is_given_up_and_the_log_says_so(
    site: Collecting, running: RunningDirectory
) -> None:
    running.faults.fail_page(2, 53)
    part = _read(site, running)
    part = site.read_again(site.read_again(part))
    assert (part.state, part.attempt, part.error_code) == (PartState.FAILED, 3, "directory_unavailable")
    assert [message for message in site.log() if "Not tried again in this run" in message]


def test_a_vanished_unit_fails_at_once_and_names_what_is_left_above_it(
    site: Collecting, running: RunningDirectory
) -> None:
    (unit,) = running.units
    site.configure(sandbox_settings(running, [f"OU=Gone,{unit}"]))
    (part,) = site.read()
    assert (part.state, part.error_code) == (PartState.FAILED, "unknown_base_dn")
    assert f"The nearest entry that exists is {unit}" in (part.error_message or "")


def test_an_empty_unit_is_complete_with_nobody(site: Collecting, running: RunningDirectory) -> None:
    empty = running.directory.add_unit("Empty")
    site.configure(sandbox_settings(running, [empty]))
    (part,) = site.read()
    assert (part.state, part.item_count, part.page_count) == (PartState.COMPLETE, 0, 1)
    assert site.people(part) == []


def test_an_answer_without_anyone_is_told_apart_from_a_unit_that_is_there(
    site: Collecting, running: RunningDirectory
) -> None:
    running.faults.answer_empty()
    part = _read(site, running)
    assert (part.state, part.error_code) == (PartState.FAILED, "unknown_base_dn")


def test_an_attribute_that_the_schema_does_not_have_fails_the_unit_with_a_suggestion(
    site: Collecting, running: RunningDirectory
) -> None:
    site.configure(sandbox_settings(running, attributes={"number": "IPPHON"}))
    (part,) = site.read()
    assert (part.state, part.error_code) == (PartState.FAILED, "unknown_attribute")
    assert "'IPPHON'. Similar ones: ipPhone" in (part.error_message or "")


def test_a_wrong_password_is_not_tried_again(site: Collecting, running: RunningDirectory) -> None:
    site.configure(sandbox_settings(running, password="wrong"))
    (part,) = site.read()
    assert (part.state, part.error_code, part.attempt) == (PartState.FAILED, "bad_credentials", 1)


def test_the_second_attempt_asks_the_second_controller(site: Collecting) -> None:
    company = build_company(20)
    with (
        RunningDirectory(company, host_name="dc1") as first,
        RunningDirectory(company, host_name="dc2") as second,
    ):
        # One authority for both is what a site has; here the certificates stand side by side.
        authorities = first.ca_certificate + second.ca_certificate
        servers = [f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"]
        site.configure(sandbox_settings(first, servers=servers, ca_certificate=authorities))
        first.faults.die_after(3)
        parts = [site.read_again(part) for part in site.read()]
    assert {(part.state, part.attempt, part.source) for part in parts} == {
        (PartState.COMPLETE, 2, second.tls_name)
    }
    assert sum(part.item_count for part in parts) == 20


def _interrupted(site: Collecting, domain: SambaDomain, happens: Callable[[], None]) -> SnapshotPart:
    """The part as it stands when something happened to its controller after the first of three pages."""
    with domain.administrator() as connection:
        office = Office(domain, connection, "Interrupted")
        domain.load("".join(office.account(office.root, f"k{index}") for index in range(30)))
        site.configure(
            office.settings([office.root], page_size=10, connect_timeout_seconds=3, receive_timeout_seconds=1)
        )
    context = site.context
    (waiting,) = site.units(site.start())
    claimed = PartWork(context, waiting.id, PartKind.UNIT)
    assert claimed.take()
    settings = claimed.settings().directory
    with ActiveDirectory(settings) as directory:
        pages = unit_pages(directory, mapping_of(settings, claimed.unit, NOW), directory.people_filter())
        assert len(next(pages)) == 10
        happens()
        with pytest.raises(DirectoryUnavailable) as caught:
            list(pages)
    claimed.fail(caught.value)
    return site.part(waiting.id)


def test_a_real_controller_that_is_killed_and_restarted_is_read_from_the_start_again(
    site: Collecting, own_samba: SambaDomain
) -> None:
    stored = _interrupted(site, own_samba, own_samba.kill)
    own_samba.start()
    part = site.read_again(stored)
    assert (part.attempt, part.item_count) == (2, 30)
    assert len({person.guid for person in site.people(part)}) == 30


def test_a_real_controller_that_freezes_between_pages_is_given_up_in_time(
    site: Collecting, own_samba: SambaDomain
) -> None:
    try:
        part = _interrupted(site, own_samba, own_samba.freeze)
    finally:
        own_samba.thaw()
    assert (part.state, part.error_code) == (PartState.PENDING, "directory_unavailable")
    assert "timed out" in (part.error_message or "")
    assert site.read_again(part).item_count == 30
