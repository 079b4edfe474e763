"""What somebody types to sign in is nowhere to be found afterwards: database, files, logs, messages, answers."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.api.access import sessions
from services.api.access.sessions import SignInRefused
from services.api.settings.use_cases import sections as settings
from services.collector import questions as directory
from services.relay_client import questions as phone
from services.sandbox.directory import RunningDirectory
from services.sandbox.phone_system import RunningPhoneSystem
from shared.worker.context import Context
from shared.worker.questions import Sealed
from tests.support.staff import Staff, directory_settings
from tests.support.tables import everything_in

SITE = "default"
# Long enough to be in no time stamp or hash by chance.
PIN = "9182736455"
WRONG = "5546372819"
PASSWORD = "Quiet-River-Stone.77"


def _allow(context: Context, password_type: str) -> None:
    values = {"password_type": password_type, "managers": ["100"]}
    settings.apply_settings(context, SITE, {"sign_in": values}, "test")


def _files(context: Context) -> bytes:
    return b"".join(path.read_bytes() for path in Path(context.settings.data).rglob("*") if path.is_file())


def test_a_pin_is_in_no_table_file_or_log_line(
    context: Context, phone_system: RunningPhoneSystem, capfd: pytest.CaptureFixture[str]
) -> None:
    state = phone_system.state
    state.change_user(state.user_id_of("100"), {"VMPIN": PIN})
    _allow(context, "voicemail_pin")
    sessions.sign_in(context, "100", PIN, "10.0.0.7")
    for name, typed in (("100", WRONG), (WRONG, PIN), ("101", WRONG)):
        with pytest.raises(SignInRefused) as caught:
            sessions.sign_in(context, name, typed, "10.0.0.7")
        assert typed not in caught.value.message
    said = capfd.readouterr()
    everything = everything_in(context.database).encode() + _files(context) + (said.out + said.err).encode()
    assert b"signed_in" in everything
    for secret in (PIN, WRONG):
        assert secret.encode() not in everything


@pytest.mark.parametrize(
    ("password_type", "task", "name"),
    [
        ("voicemail_pin", "relay_client.check_pin", "100"),
        ("directory", "collector.check_password", "100"),
    ],
)
def test_the_message_to_the_worker_holds_it_encrypted_only(
    context: Context, password_type: str, task: str, name: str
) -> None:
    _allow(context, password_type)
    # Nobody takes the message, so that it can be looked at.
    impatient = replace(context, settings=context.settings.model_copy(update={"question_seconds": 0.1}))
    with pytest.raises(SignInRefused):
        sessions.sign_in(impatient, name, PASSWORD, "10.0.0.7")
    (message,) = [
        item for item in _messages(context, task.partition(".")[0]) if item["headers"]["task"] == task
    ]
    body = base64.b64decode(message["body"])
    sent = json.dumps(message).encode() + body
    assert PASSWORD.encode() not in sent
    # Flower and the log of a worker show this in place of the arguments.
    assert message["headers"]["argsrepr"] == "(…)"
    (sent_question,), _, _ = json.loads(body)
    arguments = Sealed(task, message["headers"]["id"]).unseal_question(context, sent_question)
    assert set(arguments) == {"site_id", "name", "secret"}
    assert context.encryption.decrypt(arguments["secret"]) == PASSWORD


def _messages(context: Context, queue: str) -> list[dict[str, Any]]:
    taken = []
    with context.app.connection_for_read() as connection:
        channel = connection.channel()
        while channel._size(queue):
            taken.append(channel._get(queue))
    return taken


def test_the_answer_of_the_phone_system_holds_no_pin(
    context: Context, phone_system: RunningPhoneSystem
) -> None:
    state = phone_system.state
    state.change_user(state.user_id_of("100"), {"VMPIN": PIN})
    for typed in (PIN, WRONG):
        secret = context.encryption.encrypt(typed)
        answer = phone.check_pin(context, {"site_id": SITE, "name": "100", "secret": secret})
        assert set(answer) == {"number", "name", "roles", "refused"}
        assert PIN not in str(answer)
        assert bool(answer["refused"]) == (typed == WRONG)


def test_the_answer_of_the_directory_holds_no_password(context: Context) -> None:
    staff = Staff()
    with RunningDirectory(staff.directory) as served:
        settings.apply_settings(
            context, SITE, {"directory": directory_settings(served, *staff.units)}, "test"
        )
        secret = context.encryption.encrypt(PASSWORD)
        answer = directory.check_password(context, {"site_id": SITE, "name": "nobody", "secret": secret})
    assert set(answer) == {"number", "name", "roles", "refused"}
    assert PASSWORD not in str(answer)
