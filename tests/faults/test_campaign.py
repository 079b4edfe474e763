"""The campaign of faults: its oracle finds what is planted, its plans repeat, a failure is shrunk, a short one passes."""

import argparse
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from services.sandbox.phone_system import PhoneSystemOptions, RunningPhoneSystem
from shared.domain.notifying import MessageState
from tests.faults.campaign import oracle
from tests.faults.campaign.__main__ import plan_of
from tests.faults.campaign.book import Book, Moment, Person, SeenRun, Where
from tests.faults.campaign.episode import play
from tests.faults.campaign.plan import Form, Part, Plan, Step
from tests.faults.campaign.servers import Servers
from tests.faults.campaign.shrink import shortest
from tests.faults.campaign.wires import Fault, Wire, wire_to

ANN = ("ann", "2001")


@pytest.fixture
def phone_system() -> Iterator[RunningPhoneSystem]:
    """With the extensions 100 and 101, which belong to nobody of the company."""
    with RunningPhoneSystem(PhoneSystemOptions(extensions=2)) as running:
        yield running


@pytest.fixture
def book(phone_system: RunningPhoneSystem) -> Book:
    """Ann is there and has her extension, created by Rollcall."""
    made = Book(phone_system.state)
    login, number = ANN
    made.people[login] = Person(login, [number], ["Berg"], ["ann@corp.example.test"])
    made.look()
    create(phone_system, number)
    return made


def create(phone_system: RunningPhoneSystem, number: str, email: str = "ann@corp.example.test") -> int:
    """What a client's request for an extension of Ann does."""
    made = phone_system.state.add_user(
        {"Number": number, "FirstName": "Givenann", "LastName": "Berg", "EmailAddress": email}
    )
    return int(made["Id"])


def judged(book: Book, *runs: SeenRun, told: dict[tuple[str, str], int] | None = None) -> list[str]:
    """What the oracle says, where the Log tells the one creation."""
    return oracle.judge(
        oracle.Evidence(
            book.people, book.effects, book.moments, runs, told or {("extension.created", "2001"): 1}
        )
    )


def test_a_company_in_sync_has_no_violation(book: Book) -> None:
    assert judged(book, SeenRun(1, "full", "in_step", None, book.now(), book.now())) == []


def test_a_creation_that_took_effect_twice_is_found(book: Book, phone_system: RunningPhoneSystem) -> None:
    create(phone_system, "2002", "other@corp.example.test")
    found = "\n".join(judged(book))
    assert "create_user for ann 2 times, with 1 reasons" in found
    assert "forgotten: ann (here, 2001) has ['2001', '2002']" in found


def test_a_number_that_was_created_twice_is_found_even_if_the_first_one_has_gone(
    book: Book, phone_system: RunningPhoneSystem
) -> None:
    phone_system.state.remove_user(phone_system.state.user_id_of("2001"))
    create(phone_system, "2001")
    found = "\n".join(judged(book))
    assert "create_user of 2001 2 times, held by 1" in found
    assert "deleted though ann never left" in found


def test_a_wrong_removal_is_found(book: Book, phone_system: RunningPhoneSystem) -> None:
    phone_system.state.change_user(phone_system.state.user_id_of("2001"), {"Enabled": False})
    assert any("disabled though ann was never away" in sentence for sentence in judged(book))


def test_a_removal_of_somebody_who_had_left_is_none(book: Book, phone_system: RunningPhoneSystem) -> None:
    book.people["ann"].been.append(Where.GONE)
    phone_system.state.remove_user(phone_system.state.user_id_of("2001"))
    told = {("extension.created", "2001"): 1, ("extension.deleted", "2001"): 1}
    assert judged(book, told=told) == []


def test_touching_the_extension_of_somebody_else_is_found(
    book: Book, phone_system: RunningPhoneSystem
) -> None:
    phone_system.state.change_user(phone_system.state.user_id_of("100"), {"Mobile": "+491"})
    found = "\n".join(judged(book))
    assert "touched an extension of somebody else" in found
    assert "forgotten: extensions of others differ" in found


def test_a_name_written_over_its_successor_is_found(book: Book, phone_system: RunningPhoneSystem) -> None:
    book.people["ann"].last_names.append("Ager")
    ann = phone_system.state.user_id_of("2001")
    for name in ("Ager", "Berg"):
        phone_system.state.change_user(ann, {"LastName": name})
    assert any("an older name was written over a newer one" in sentence for sentence in judged(book))


def test_in_sync_said_while_something_is_owed_is_found(book: Book) -> None:
    before = book.now()
    book.people["ann"].last_names.append("Ager")
    book.look()
    owed_since = book.moments[-1].at
    said = SeenRun(3, "full", "in_step", None, owed_since, book.now())
    assert any('run 3 said "in sync" while ann' in sentence for sentence in judged(book, said))
    # Of what happens while it reads a run may have seen either.
    assert not any(
        "in sync" in it for it in judged(book, SeenRun(3, "full", "in_step", None, before, book.now()))
    )
    assert book.moments[-1] == Moment(owed_since, book.moments[-1].owed)


def test_a_change_that_the_log_does_not_tell_is_found(book: Book) -> None:
    assert judged(book, told={("run.started", ""): 1}) == ["2001 was created 1 times, the Log tells 0"]


def test_a_creation_that_a_hand_has_undone_before_anybody_read_it_back_need_not_be_told(book: Book) -> None:
    book.people["ann"].deleted_by_hand = 1
    assert judged(book, told={("run.started", ""): 1}) == []
    assert judged(book, told={("extension.created", "2001"): 2}) != []


def test_a_wrong_field_that_stays_is_found_as_forgotten(book: Book, phone_system: RunningPhoneSystem) -> None:
    book.people["ann"].emails.append("ann.ager@corp.example.test")
    book.look()
    (sentence,) = judged(book)
    assert sentence.startswith("forgotten: ann (here, 2001) shows {'EmailAddress': 'ann@corp.example.test'}")


def test_whoever_a_restored_backup_has_forgotten_may_keep_an_extension_and_nobody_else(
    book: Book,
) -> None:
    ann = book.people["ann"]
    ann.been.append(Where.GONE)
    book.look()
    assert any(sentence.startswith("forgotten: ann (gone, 2001) still has") for sentence in judged(book))
    ann.is_forgotten = True
    book.look()
    assert judged(book) == []


@pytest.mark.parametrize(
    ("notices", "taken", "failures", "said"),
    [
        ([("1", "sent", "")], ["1", "1"], 0, ""),
        ([("1", "pending", "503")], ["1"], 0, ""),
        ([("1", "sent", "")], [], 0, "called sent, and nobody took it"),
        ([("1", "sent", ""), ("2", "sent", "")], ["1", "2"], 0, "was written 2 times"),
        ([], ["1"], 0, "nobody wrote the notice 1"),
        ([("1", "failed", "404")], [], 1, ""),
        ([("1", "failed", "404")], [], 0, "the Log tells 0"),
        ([("1", "failed", "")], [], 1, "nobody says why"),
    ],
)
def test_a_notice_is_taken_once_or_known_as_not_sent(
    notices: list[tuple[str, str, str]], taken: list[str], failures: int, said: str
) -> None:
    written = [
        oracle.Sent(key, "a plan waits", "/runs/1", MessageState(state), error)
        for key, state, error in notices
    ]
    found = oracle.told_to_the_receiver(written, taken, failures)
    assert [said in sentence for sentence in found] == ([True] if said else [])


# --- plans ---------------------------------------------------------------------------------------------------


def _options() -> argparse.Namespace:
    return argparse.Namespace(database=None, broker=None, directory=None, only="", deeds="")


def test_the_same_seed_is_the_same_plan_and_every_seed_has_the_faults_it_is_asked_for() -> None:
    plans = [plan_of(seed, 12, _options()) for seed in range(40)]
    assert plans == [plan_of(seed, 12, _options()) for seed in range(40)]
    assert {plan.strikes for plan in plans} == {12}
    assert len({plan.form for plan in plans}) > 10
    # Nothing of a form is struck that it has not.
    for plan in plans:
        names = {step.name for step in plan.steps if step.part is Part.STRIKE}
        assert plan.form.has_relay or "kill relay" not in names
        assert plan.form.database == "postgresql" or "restart database" not in names


def test_a_failure_is_shrunk_to_the_steps_it_needs() -> None:
    tried: list[Sequence[int]] = []

    def _fails(items: Sequence[int]) -> bool:
        tried.append(items)
        return {7, 31} <= set(items)

    assert shortest(range(40), _fails) == [7, 31]
    assert len(tried) < 80
    assert shortest(range(40), _fails, lambda: True) == list(range(40))


# --- wires ---------------------------------------------------------------------------------------------------


@pytest.fixture
def echo() -> Iterator[tuple[Wire, list[bytes]]]:
    """A wire to a server that answers each request with itself; what the server was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server, wire_to(*server.getsockname()) as wire:

        def _serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _address = server.accept()
                    with connection, suppress(OSError):
                        while data := connection.recv(100):
                            asked.append(data)
                            connection.sendall(data)

        threading.Thread(target=_serve, daemon=True).start()
        yield wire, asked


def _ask(wire: Wire) -> bytes:
    with socket.create_connection(("127.0.0.1", wire.port), timeout=60) as connection:
        connection.sendall(b"hello!")
        answer = b""
        while len(answer) < 6 and (data := connection.recv(100)):
            answer += data
        return answer


@pytest.mark.parametrize(
    ("fault", "is_asked"), [(Fault.BEFORE, False), (Fault.AFTER, True), (Fault.TORN, True)]
)
def test_a_wire_cuts_before_or_after_the_request_took_effect(
    echo: tuple[Wire, list[bytes]], fault: Fault, is_asked: bool
) -> None:
    wire, asked = echo
    assert _ask(wire) == b"hello!"
    wire.fail(fault)
    with pytest.raises(ConnectionResetError):
        _ask(wire)
    assert asked == [b"hello!"] * (1 + is_asked)
    assert wire.has_struck
    assert _ask(wire) == b"hello!"


def test_a_silent_wire_takes_connections_and_resets_them_when_it_is_mended(
    echo: tuple[Wire, list[bytes]],
) -> None:
    wire, asked = echo
    wire.fail(Fault.SILENT)
    with socket.create_connection(("127.0.0.1", wire.port), timeout=60) as connection:
        connection.sendall(b"hello!")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(60)
        assert asked == []
        wire.mend()
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert _ask(wire) == b"hello!"


# --- the whole -----------------------------------------------------------------------------------------------

_SHORT = (
    (Part.DEED, "joins"), (Part.DEED, "leaves"), (Part.DEED, "is renumbered"), (Part.DEED, "run is started"),
    (Part.STRIKE, "kill at write"), (Part.DEED, "marries"), (Part.STRIKE, "steal messages"),
    (Part.DEED, "run is started"), (Part.STRIKE, "disturb phone system"), (Part.STRIKE, "kill child"),
)  # fmt: skip


@pytest.mark.redis
@pytest.mark.timeout(900)
def test_a_short_episode_has_no_violation(tmp_path: Path) -> None:
    form = Form("sqlite", "redis", "stand-in", is_live=False, has_relay=False, has_own_clock=False)
    plan = Plan(1, form, tuple(Step(part, name, place) for place, (part, name) in enumerate(_SHORT)))
    with ExitStack() as stack:
        verdict = play(plan, Servers(stack))
    assert verdict.violations == [], "\n".join(verdict.story)
    assert verdict.struck.total() == 4
    assert verdict.effects > 8
