"""Reading a phone system: all of it, each once, proven complete, and never a secret."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.relay_client import questions
from services.relay_client.snapshot import snapshot_extensions
from services.relay_client.xapi.client import Numbering
from services.sandbox.phone_system import PhoneSystemOptions
from services.sandbox.phone_system.user_fields import SECRETS
from shared.database.pages import read_items
from shared.database.tables import PartKind, SnapshotPart
from shared.domain.command import Command, CommandKind
from shared.domain.extension import Extension
from shared.errors import RollcallError
from shared.runs.start import RunRequest, start_run
from shared.work.parts import PartWork
from tests.integration.relay_client.between import Answer, Forward, Passing, between
from tests.integration.relay_client.conftest import Bench, change, creation
from tests.support.releases import every_release
from tests.support.waiting import wait_until


def _part_to_read(bench: Bench) -> int:
    with bench.context.database.begin() as session:
        run_id = start_run(session, RunRequest("default"), bench.context.encryption).id
        return session.scalars(
            select(SnapshotPart.id).where(
                SnapshotPart.run_id == run_id, SnapshotPart.kind == PartKind.EXTENSIONS.value
            )
        ).one()


def _snapshot(bench: Bench) -> SnapshotPart:
    part_id = _part_to_read(bench)
    snapshot_extensions(bench.context, part_id)
    with bench.context.database.read() as session:
        return session.get_one(SnapshotPart, part_id)


def _stored_numbers(bench: Bench, part: SnapshotPart) -> list[str]:
    return [found.number for found in read_items(bench.context.database, part.id, Extension)]


def _enlarge(bench: Bench, extensions: int) -> None:
    for index in range(extensions):
        bench.phone_system.state.add_user({"Number": str(3000 + index)}, is_counted=False)


def _is_page_of_users(passing: Passing) -> bool:
    return passing.path == "/xapi/v1/Users" and "$skip" in passing.query


def test_all_extensions_are_read_over_many_pages_of_at_most_100_and_stored_in_order(bench: Bench) -> None:
    _enlarge(bench, 2240)
    with between(bench.base_url) as proxy:
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    assert (part.state, part.item_count, part.page_count) == ("complete", 2250, 3)
    assert _stored_numbers(bench, part) == [str(number) for number in (*range(100, 110), *range(3000, 5240))]
    pages = [passing for passing in proxy.requests if _is_page_of_users(passing)]
    assert sorted(int(page.query["$skip"]) for page in pages) == list(range(0, 2250, 100))
    assert {page.query["$top"] for page in pages} == {"100"}


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "lie", "how": "empty_page"},
        {"kind": "lie", "how": "earlier_page"},
        {"kind": "lie", "how": "truncated"},
        *({"kind": "lie", "how": "wrong_count", "count": count} for count in (0, 100, 199, 200, 300)),
        {"kind": "status", "status": 200, "body": "html"},
        {"kind": "status", "status": 302, "body": "html"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/Users$", "/Groups$"])
def test_whatever_untrue_is_answered_it_is_never_taken_for_everything(
    bench: Bench, path: str, lie: dict[str, Any]
) -> None:
    # Three pages, the last of which holds what the others leave.
    if path == "/Users$":
        _enlarge(bench, 195)
    else:
        for index in range(204):
            bench.phone_system.state.add_group({"Name": f"Department {index}"}, is_counted=False)
    assert bench.phone_system.faults.add(lie | {"path": path, "times": 1000}) is None
    with closing(bench.xapi()) as xapi:
        read = xapi.extensions if path == "/Users$" else xapi.departments
        try:
            found = len(read())
        except RollcallError:
            return
        bench.phone_system.faults.clear()
        assert found == len(read())


@every_release
def test_the_part_s_proof_holds_licence_version_departments_and_whatever_holds_a_number(
    bench: Bench,
) -> None:
    bench.phone_system.state.add_group({"Name": "Sales"}, is_counted=False)
    proof = _snapshot(bench).proof
    assert (proof["used_extensions"], proof["max_extensions"], proof["total"]) == (10, 100_000, 10)
    assert proof["version"] == bench.phone_system.options.version
    assert [department[1] for department in proof["departments"]] == ["DEFAULT", "Sales"]
    kinds = {kind for _number, kind, _name in proof["peers"]}
    assert kinds >= {"Queue", "RingGroup", "IVR", "Parking", "Group"}
    assert "Extension" not in kinds


@every_release
def test_no_read_ever_lacks_its_select_and_no_secret_is_ever_read_or_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    state = bench.phone_system.state
    before = {"departments": ("DEFAULT",), "primary_department": "DEFAULT"}
    after = {"departments": ("Sales",), "primary_department": "Sales"}
    gone = {"number": "103", "enabled": False}
    secrets = {str(state.user(user_id)[name]) for user_id in state.users for name in SECRETS}
    pins = {bench.user(number)["VMPIN"] for number in ("103", "104")}
    with between(bench.base_url) as proxy:
        bench.configure(base_url=proxy.base_url)
        assert _snapshot(bench).state == "complete"
        questions.test_phone_system(bench.context, {"site_id": "default"})
        questions.list_extensions(bench.context, {"site_id": "default"})
        bench.end_collecting()
        bench.phone_system.faults.add({"kind": "drop_after", "method": "POST", "path": "^/Users$"})
        rows = bench.execute(
            Command(0, CommandKind.CREATE_DEPARTMENT, "test", after={"name": "Sales"}),
            creation(1, template="100", departments=("Sales",), primary_department="Sales"),
            Command(
                0, CommandKind.RENUMBER_EXTENSION, "test", "204", "guid-4", "Existing4", bench.id_of("104"),
                before={"number": "104"}, after={"number": "204", "first_name": "E", "last_name": "4"},
            ),
            change(bench, CommandKind.UPDATE_EXTENSION, "101", before, after),
            change(bench, CommandKind.DISABLE_EXTENSION, "103", {"enabled": True}, {"enabled": False}),
            change(bench, CommandKind.DELETE_EXTENSION, "103", gone, {}),
        )  # fmt: skip
    assert {row.state for row in rows} == {"done"}, [row.error_message for row in rows]
    reads = [passing for passing in proxy.requests if passing.method == "GET"]
    assert {"Users", "Groups", "Peers", "SystemStatus", "Defs"} <= {
        passing.path.split("/")[3].partition("(")[0] for passing in reads
    }
    # Neither the description of the API nor the answer of a function has rows.
    of_rows = [passing for passing in reads if not passing.path.endswith(("/$metadata", "()"))]
    # The exceptions: the PIN goes along with its person to another number, and is kept, encrypted, of an extension that is deleted.
    own = [passing for passing in of_rows if "VMPIN" in passing.query.get("$select", "")]
    assert {passing.path for passing in own} == {
        f"/xapi/v1/Users(Number='{number}')" for number in ("103", "104", "204")
    }
    for passing in of_rows:
        assert passing.query.get("$select"), passing
        unwanted = [secret for secret in SECRETS if secret != "VMPIN" or passing not in own]
        assert not any(secret in str(passing.query) for secret in unwanted), passing
        assert int(passing.query.get("$top", 1)) <= 100
    given = [body.decode() for body in proxy.bodies]
    assert not any(secret in body for secret in secrets - pins for body in given)
    secrets |= {str(state.user(user_id)[name]) for user_id in state.users for name in SECRETS}
    assert not any(secret in caplog.text for secret in secrets)


def _duplicating(passing: Passing, forward: Forward) -> Answer:
    """Somebody was deleted before the second page was read, and another added behind: a row comes twice."""
    answer = forward()
    if not _is_page_of_users(passing) or passing.query["$skip"] != "100":
        return answer
    content = json.loads(answer.body)
    content["value"].insert(0, content["value"][0])
    return Answer(answer.status, json.dumps(content).encode(), answer.headers)


def test_an_extension_that_comes_twice_counts_once(bench: Bench) -> None:
    _enlarge(bench, 150)
    with between(bench.base_url) as proxy:
        proxy.handling = _duplicating
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    numbers = _stored_numbers(bench, part)
    assert part.state == "complete"
    assert len(numbers) == len(set(numbers)) == 160


class _Losing:
    """Loses the last row of the second page so many times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, passing: Passing, forward: Forward) -> Answer:
        answer = forward()
        if not _is_page_of_users(passing) or passing.query["$skip"] != "100" or not self.times:
            return answer
        self.times -= 1
        content = json.loads(answer.body)
        content["value"].pop()
        return Answer(answer.status, json.dumps(content).encode(), answer.headers)


def test_a_reading_with_a_gap_is_done_again_and_what_it_had_stored_is_forgotten(bench: Bench) -> None:
    _enlarge(bench, 1590)
    with between(bench.base_url) as proxy:
        proxy.handling = _Losing(1)
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    assert (part.state, part.item_count) == ("complete", 1600)
    assert len(set(_stored_numbers(bench, part))) == 1600


def test_a_phone_system_whose_first_page_takes_three_leases_is_read_once(bench: Bench) -> None:
    lease = 1.0
    bench.context = replace(
        bench.context, settings=bench.context.settings.model_copy(update={"lease_seconds": lease})
    )
    bench.configure(timeout_seconds=60)
    bench.phone_system.faults.add({"kind": "hold_before", "method": "GET", "path": "^/Users"})
    part_id = _part_to_read(bench)
    with ThreadPoolExecutor(1) as worker:
        reading = worker.submit(snapshot_extensions, bench.context, part_id)
        wait_until("the first page is asked for", lambda: bench.phone_system.faults.held)
        until = time.monotonic() + 3 * lease
        while time.monotonic() < until:
            # As every sweep does that finds the claim run out.
            assert not PartWork(bench.context, part_id, PartKind.EXTENSIONS).take()
            time.sleep(0.05)
        httpx.post(f"{bench.base_url}/sandbox/release").raise_for_status()
        reading.result()
    with bench.context.database.read() as session:
        part = session.get_one(SnapshotPart, part_id)
    assert (part.state, part.attempt, part.item_count) == ("complete", 1, 10)


def test_a_phone_system_that_never_gives_all_it_counts_fails_the_part(bench: Bench) -> None:
    _enlarge(bench, 150)
    with between(bench.base_url) as proxy:
        proxy.handling = _Losing(1000)
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    assert (part.state, part.error_code) == ("failed", "incomplete_snapshot")
    assert "kept changing" in (part.error_message or "")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_before"},
        {"kind": "drop_after"},
        {"kind": "status", "status": 502, "body": "html", "times": 2},
        {"kind": "status", "status": 429, "retry_after": 0.05, "times": 5},
        {"kind": "status", "status": 503, "body": "empty", "retry_after": 0.05},
        {"kind": "steal_token"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}".strip(),
)
def test_a_read_that_breaks_off_or_is_put_off_is_done_again(bench: Bench, fault: dict[str, Any]) -> None:
    _enlarge(bench, 300)
    bench.phone_system.faults.add(fault | {"method": "GET", "path": "^/Users"})
    part = _snapshot(bench)
    assert (part.state, part.item_count, part.attempt) == ("complete", 310, 1)
    assert bench.phone_system.faults.fired


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"<html>Please sign in</html>", {"Content-Type": "text/html"}), (b"[]", {}), (b'{"value": 7}', {})],
    ids=["a page", "a list", "no rows"],
)
def test_a_success_that_is_no_answer_of_3cx_is_tried_again_later(
    bench: Bench, body: bytes, headers: dict[str, str]
) -> None:
    def _odd(passing: Passing, forward: Forward) -> Answer:
        return Answer(200, body, headers) if passing.path == "/xapi/v1/Peers" else forward()

    with between(bench.base_url) as proxy:
        proxy.handling = _odd
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    assert (part.state, part.error_code) == ("pending", "phone_system_unavailable")
    assert "unexpected answer" in (part.error_message or "")
    assert part.next_attempt_at is not None


def test_a_phone_system_that_is_down_is_tried_again_later_and_the_log_says_so(bench: Bench) -> None:
    bench.configure(base_url="http://127.0.0.1:9")
    part = _snapshot(bench)
    assert (part.state, part.error_code, part.attempt) == ("pending", "phone_system_unavailable", 1)
    assert "cannot be reached" in bench.log()[-1]
    assert "Next try in 10 s." in bench.log()[-1]


class TestRole:
    """An API client with the role of an ordinary user."""

    @pytest.fixture
    def options(self) -> PhoneSystemOptions:
        return PhoneSystemOptions(role="users")

    def test_missing_rights_fail_the_part_at_once_and_say_what_to_do(self, bench: Bench) -> None:
        part = _snapshot(bench)
        assert (part.state, part.error_code) == ("failed", "insufficient_rights")
        assert "System Owner" in (part.error_message or "")


def test_numbers_in_use_are_found_where_3cx_does_not_filter_them(bench: Bench) -> None:
    def _refuse(passing: Passing, forward: Forward) -> Answer:
        is_filtered = passing.path == "/xapi/v1/Peers" and "$filter" in passing.query
        refused = {"error": {"code": "", "message": "The query specified in the URI is not valid."}}
        return Answer(400, json.dumps(refused).encode()) if is_filtered else forward()

    with bench.xapi() as xapi:
        there = xapi.peers()
    with between(bench.base_url) as proxy:
        proxy.handling = _refuse
        with bench.xapi(base_url=proxy.base_url) as xapi:
            assert xapi.peers_with([there[0].number, "99999"]) == there[:1]


def test_the_audit_log_tells_who_changed_which_extension_last_but_for_us(bench: Bench) -> None:
    state = bench.phone_system.state
    for number, name, who in (
        ("101", "One", "grace"), ("101", "Two", "ada"), ("102", "Three", "grace"), ("102", "Four", ""), ("103", "Five", ""),
    ):  # fmt: skip
        state.change_user(bench.id_of(number), {"LastName": name}, by=who)
    told = [edit[:2] for edit in _snapshot(bench).proof["edits"]]
    assert told == [["102", "grace"], ["101", "ada"]]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_3cx_that_shows_no_audit_log_is_read_all_the_same(bench: Bench, status: int) -> None:
    def _refuse(passing: Passing, forward: Forward) -> Answer:
        return Answer(status) if "ReportAuditLog" in passing.path else forward()

    bench.phone_system.state.change_user(bench.id_of("101"), {"LastName": "Two"}, by="ada")
    with between(bench.base_url) as proxy:
        proxy.handling = _refuse
        bench.configure(base_url=proxy.base_url)
        part = _snapshot(bench)
    assert (part.state, part.proof["edits"]) == ("complete", [])


def test_numbers_with_quotes_are_asked_for_as_they_are(bench: Bench) -> None:
    with bench.xapi() as xapi:
        assert xapi.find_by_numbers(["1'0", "101"]).keys() == {"101"}


def test_lengths_emergency_numbers_and_dial_codes_are_as_the_system_says(bench: Bench, release: str) -> None:
    object.__setattr__(bench.phone_system.state.options, "dial_codes", (("DialCodePark", "800"),))
    with bench.xapi() as xapi:
        told = xapi.numbering()
        assert told.lengths == ((3,) if release == "20.0.8" else (3, 4, 5))
        assert (told.emergency, told.dial_codes) == (("112", "911"), ("800",))
        bench.phone_system.faults.add(
            {
                "kind": "status",
                "status": 403,
                "body": "empty",
                "path": "Outbound|DialCode|Parameters",
                "times": 3,
            }
        )
        assert xapi.numbering() == Numbering()
