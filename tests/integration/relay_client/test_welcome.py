"""3CX mails its welcome message as a step of a creation: at most once, and it is said what became of it."""

from typing import Any

import pytest
from sqlalchemy import select

from services.relay_client.execution.welcome import send_again
from services.relay_client.trial import try_rest
from services.sandbox.phone_system import PhoneSystemOptions
from shared.database import owed
from shared.database.tables import OwedSteps
from shared.domain.command import Command, CommandKind
from tests.integration.relay_client.conftest import Bench, creation

MAIL = {"method": "POST", "path": r"SendWelcomeEmail$"}


def _sent(bench: Bench) -> int:
    return len(bench.phone_system.state.calls.get("send_welcome_email", {}).get("201", ()))


def test_a_new_extension_is_welcomed_once_and_the_log_says_so(bench: Bench) -> None:
    (row,) = bench.execute(creation(1, template="100", welcome_email=True))
    assert (row.state, row.result["welcome"], _sent(bench)) == ("done", "sent", 1)
    assert bench.log()[-2] == "Created extension 201 for Anna1 Berg. The welcome message was sent."


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_a_message_whose_answer_is_lost_is_not_sent_again_and_the_log_says_that_it_is_unknown(
    bench: Bench, kind: str
) -> None:
    bench.phone_system.faults.add({"kind": kind, **MAIL})
    (row,) = bench.execute(creation(1, welcome_email=True))
    assert (row.state, row.result["welcome"]) == ("done", "unknown")
    assert _sent(bench) == (kind == "drop_after")
    assert "It is unknown whether the welcome message was sent" in bench.log()[-2]


def test_a_worker_that_died_while_it_was_being_sent_leaves_none_to_the_next(bench: Bench) -> None:
    command = creation(1, welcome_email=True)
    run_id = bench.start([command])
    with bench.context.database.begin() as session:
        owed.begin(session, "default", run_id, [command])
        owed.change_wanted(session, "default", "201", "welcome_email", "tried")
    with bench.xapi() as xapi:
        xapi.create_user({"Number": "201", "FirstName": "Anna1", "LastName": "Berg"})
    bench.leave_running(run_id)
    bench.drain(run_id)
    assert [(row.state, row.result["welcome"]) for row in bench.rows(run_id)] == [("done", "unknown")]
    assert _sent(bench) == 0


def test_one_that_must_wait_is_sent_when_3cx_has_time(bench: Bench) -> None:
    bench.phone_system.faults.add({"kind": "status", "status": 429, "retry_after": 0.01, **MAIL})
    (row,) = bench.execute(creation(1, welcome_email=True))
    assert (row.result["welcome"], _sent(bench)) == ("sent", 1)


class TestWithoutMailServer:
    """A phone system that cannot mail."""

    @pytest.fixture
    def options(self, release: str) -> PhoneSystemOptions:
        return PhoneSystemOptions(extensions=10, release=release, mail_server_type="Custom")

    def test_a_message_that_is_refused_is_owed_until_a_person_lets_it_be_tried_again(
        self, bench: Bench
    ) -> None:
        (row,) = bench.execute(creation(1, welcome_email=True))
        assert (row.state, row.error_code) == ("failed", "partly_done")
        assert "the welcome message could not be sent" in (row.error_message or "")
        with bench.context.database.read() as session:
            (steps,) = session.scalars(select(OwedSteps))
        assert (steps.owes, steps.after["welcome_email"]) == ("refused_steps", True)
        options: Any = bench.phone_system.state.options
        object.__setattr__(options, "mail_server", "mail.example.test")
        finishing = Command(
            0, CommandKind.FINISH_EXTENSION, "test", "201", "guid-1", "Anna1 Berg", bench.id_of("201"),
            before={"number": "201"}, after={"welcome_email": True},
        )  # fmt: skip
        (row,) = bench.execute(finishing)
        assert (row.result["welcome"], _sent(bench)) == ("sent", 1)

    def test_the_test_says_so_where_messages_are_wanted(self, bench: Bench) -> None:
        with bench.xapi() as xapi:
            told = [
                try_rest(xapi, [], with_recordings=False, with_welcome=with_welcome)
                for with_welcome in (False, True)
            ]
        assert not told[0]
        assert "3CX has no mail server, so it can send no welcome messages." in told[1][0]


def test_sent_again_it_goes_to_whoever_can_read_it_and_is_owed_no_more(bench: Bench) -> None:
    state = bench.phone_system.state
    bench.phone_system.state.change_user(bench.id_of("102"), {"Enabled": False}, is_counted=False)
    bench.phone_system.state.change_user(bench.id_of("103"), {"EmailAddress": ""}, is_counted=False)
    wanted = Command(0, CommandKind.CREATE_EXTENSION, "test", "101", after={"welcome_email": True})
    with bench.context.database.begin() as session:
        owed.begin(session, "default", 1, [wanted])
    ids = {number: bench.id_of(number) for number in ("101", "102", "103")} | {"999": 4711}
    with bench.xapi() as xapi:
        answers = send_again(bench.context.database, "default", xapi, ids)
    assert [(item["number"], item["result"]) for item in answers] == [
        ("101", "sent"),
        ("102", "refused"),
        ("103", "refused"),
        ("999", "refused"),
    ]
    assert set(state.calls["send_welcome_email"]) == {"101"}
    with bench.context.database.read() as session:
        assert session.scalars(select(OwedSteps.after)).one() == {"welcome_email": "tried"}
