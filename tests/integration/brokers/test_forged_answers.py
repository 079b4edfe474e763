"""Whoever can write to Redis can neither answer a question nor ask one, and reads no password there."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from sqlalchemy import select

from services.api.operations.use_cases.metrics import metrics
from services.cli.deployment import import_tasks
from shared import encryption
from shared.database.engine import Database
from shared.database.tables import Refusal
from shared.encryption import new_key
from shared.errors import WorkerUnavailable
from shared.process_settings import load
from shared.worker import questions
from shared.worker.app import create_app
from shared.worker.context import Context
from shared.worker.questions import Sealed, ask
from shared.worker.redis_answers import _PREFIX
from shared.worker.task import QuestionTask
from tests.support.databases import database_url
from tests.support.metrics import figures
from tests.support.redis import RedisServer, redis_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.redis
PIN, NAME = "482913", "Anna Berg"
CHECK, LOOK_UP = "relay_client.check_pin", "relay_client.look_up_extension"
LET_IN = {"value": {"number": "204", "name": NAME, "roles": ["system_admins"], "refused": ""}}
WRONG = {"value": {"number": "204", "name": NAME, "roles": [], "refused": "the PIN is wrong"}}
ARGUMENTS = {"site_id": "default", "name": "204", "secret": PIN}


class Attacked:
    """A deployment, and its Redis as somebody sees it who may write everywhere in it."""

    def __init__(self, server: RedisServer, folder: Path, seconds: float) -> None:
        process = load(
            {
                "ROLLCALL_BROKER_URL": server.url,
                "ROLLCALL_RESULT_BACKEND_URL": server.url,
                "ROLLCALL_SECRET_KEY": new_key(),
            },
            data=folder,
            database_url=database_url(folder),
            question_seconds=seconds,
        )
        database = Database(process.effective_database_url)
        self.context = Context(create_app(process), process, database, encryption.load(process))
        self.redis = redis.Redis(port=server.port)

    def asked(
        self, task: str = CHECK, arguments: dict[str, Any] | None = None
    ) -> tuple[Sealed, dict[str, Any], Any]:
        """Wait for the next question: as its worker, what travels, and the whole message."""
        found = self.redis.blpop(["relay_client"], timeout=60)
        assert found
        message = json.loads(found[1])
        (sent,), _, _ = json.loads(base64.b64decode(message["body"]))
        question = Sealed(task, message["headers"]["id"])
        if task == message["headers"]["task"]:
            question.unseal_question(self.context, sent)
        return question, sent, message

    def put(self, question: Sealed, *letters: str | bytes) -> None:
        """Lay something into the letter box of a question."""
        self.redis.rpush(_PREFIX + question.id, *letters)

    def refused(self) -> dict[str, int]:
        """What was counted."""
        with self.context.database.read() as session:
            return {row.what: row.count for row in session.scalars(select(Refusal))}


@pytest.fixture(scope="module")
def _server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def attacked(_server: RedisServer, tmp_path: Path) -> Iterator[Attacked]:
    made = Attacked(_server, tmp_path, seconds=1.0)
    yield made
    made.redis.flushall()
    made.redis.close()
    made.context.app.close()
    made.context.database.close()


Forge = Callable[[Attacked, Sealed, dict[str, Any]], list[str | bytes]]


def _of_another_question(attacked: Attacked, question: Sealed, _sent: dict[str, Any]) -> list[str | bytes]:
    other = Sealed(CHECK, question.id)
    other.seal_question(attacked.context, ARGUMENTS | {"site_id": "another"})
    elsewhere = Sealed(CHECK, "another")
    elsewhere.seal_question(attacked.context, ARGUMENTS)
    return [made.seal_answer(attacked.context, LET_IN) for made in (other, elsewhere)]


def _of_another_kind(attacked: Attacked, question: Sealed, sent: dict[str, Any]) -> list[str | bytes]:
    other = Sealed(LOOK_UP, question.id, sent["question"])
    return [other.seal_answer(attacked.context, LET_IN)]


def _the_question_itself(_attacked: Attacked, _question: Sealed, sent: dict[str, Any]) -> list[str | bytes]:
    return [sent["question"]]


def _readable(_attacked: Attacked, _question: Sealed, _sent: dict[str, Any]) -> list[str | bytes]:
    return [json.dumps(LET_IN), json.dumps({"status": "SUCCESS", "result": LET_IN}), b"\xff\x00\x1b[2J"]


def _encrypted_as_a_stored_secret(attacked: Attacked, _q: Sealed, _s: dict[str, Any]) -> list[str | bytes]:
    # What the API itself encrypts for whoever saves a password: good for nothing here.
    return [attacked.context.encryption.encrypt(json.dumps(LET_IN))]


FORGED: tuple[Forge, ...] = (
    _of_another_question, _of_another_kind, _the_question_itself, _readable, _encrypted_as_a_stored_secret,
)  # fmt: skip


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__.strip("_"))
def test_a_forged_answer_is_dropped_and_counted_and_the_real_one_is_waited_for(
    attacked: Attacked, forge: Forge
) -> None:
    letters: list[str | bytes] = []

    def _attack() -> None:
        question, sent, _ = attacked.asked()
        letters.extend(forge(attacked, question, sent))
        attacked.put(question, *letters)
        attacked.put(question, question.seal_answer(attacked.context, WRONG))

    attacker = threading.Thread(target=_attack)
    attacker.start()
    assert ask(attacked.context, CHECK, ARGUMENTS) == WRONG["value"]
    attacker.join()
    assert attacked.refused() == {"answer": len(letters)}
    told = figures(metrics(attacked.context, is_broker_well=False))
    assert told['rollcall_refused{what="answer"}'] == len(letters)
    assert attacked.redis.keys("*answer*") == []


def test_forged_answers_alone_are_as_if_none_had_come(attacked: Attacked) -> None:
    def _attack() -> None:
        question, _, message = attacked.asked()
        forged = json.dumps({"status": "SUCCESS", "result": LET_IN, "task_id": question.id})
        # As Celery would keep it, and as we do: a list, and something that is none.
        attacked.redis.set(f"celery-task-meta-{question.id}", forged)
        attacked.redis.publish(f"celery-task-meta-{question.id}", forged)
        attacked.redis.set(_PREFIX + question.id, forged)
        assert message["headers"]["ignore_result"]

    attacker = threading.Thread(target=_attack)
    attacker.start()
    with pytest.raises(WorkerUnavailable, match="same ROLLCALL_SECRET_KEY"):
        ask(attacked.context, CHECK, ARGUMENTS)
    attacker.join()


def test_a_letter_box_full_of_forged_answers_keeps_nobody_busy(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "_LETTERS_READ", 5)

    def _attack() -> None:
        question, _, _ = attacked.asked()
        attacked.put(question, *["forged"] * 20)

    attacker = threading.Thread(target=_attack)
    attacker.start()
    with pytest.raises(WorkerUnavailable):
        ask(attacked.context, CHECK, ARGUMENTS)
    attacker.join()
    assert attacked.refused() == {"answer": 5}


def test_neither_pin_nor_name_nor_site_can_be_read_in_redis(attacked: Attacked) -> None:
    seen: list[bytes] = []

    def _look() -> None:
        wait_until("the question", lambda: attacked.redis.llen("relay_client"))
        seen.extend(cast("list[bytes]", attacked.redis.lrange("relay_client", 0, -1)))
        question, _, _ = attacked.asked()
        answer = question.seal_answer(attacked.context, WRONG)
        seen.append(answer.encode())
        attacked.put(question, answer)

    looking = threading.Thread(target=_look)
    looking.start()
    assert ask(attacked.context, CHECK, ARGUMENTS) == WRONG["value"]
    looking.join()
    # Also below the base64 of Celery's body.
    body = base64.b64decode(json.loads(seen[0])["body"])
    for secret in (PIN, NAME, "204", "default", "the PIN is wrong"):
        assert not any(secret.encode() in raw for raw in (*seen[1:], body)), secret


@pytest.fixture
def questioned(attacked: Attacked) -> tuple[Attacked, QuestionTask, list[dict[str, Any]]]:
    """The worker's side of a question, and what it was really asked."""
    answered: list[dict[str, Any]] = []

    def _body(self: QuestionTask, arguments: dict[str, Any]) -> Any:
        answered.append(arguments)
        return WRONG["value"]

    import_tasks()
    app = attacked.context.app
    app.finalize()
    app.tasks.pop(CHECK, None)
    app.rollcall_settings = attacked.context.settings
    return attacked, app.task(name=CHECK, base=QuestionTask, bind=True, shared=False)(_body), answered


def test_a_question_that_nobody_of_ours_asked_is_not_answered(
    questioned: tuple[Attacked, QuestionTask, list[dict[str, Any]]],
) -> None:
    attacked, task, answered = questioned
    real = Sealed(CHECK, "1")
    sealed = real.seal_question(attacked.context, ARGUMENTS)
    other_kind = Sealed(LOOK_UP, "1").seal_question(attacked.context, ARGUMENTS)
    an_answer = {"question": real.seal_answer(attacked.context, WRONG)}
    # Readable ones too: what an older version asks while a newer one is installed beside it.
    for number, args in enumerate(
        ([ARGUMENTS], [], [None], ["x"], [other_kind], [an_answer], [{"question": 5}])
    ):
        task.apply(args=args, task_id="1")
        assert attacked.refused() == {"question": number + 1}
    task.apply(args=[sealed], task_id="2")
    assert answered == []
    assert attacked.redis.keys("*answer*") == []
    task.apply(args=[sealed], task_id="1")
    assert answered == [ARGUMENTS]
    (letter,) = attacked.redis.lrange(f"{_PREFIX}1", 0, -1)
    assert real.unseal_answer(attacked.context, letter) == WRONG
