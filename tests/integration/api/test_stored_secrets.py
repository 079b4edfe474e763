"""A stored secret goes to the address it was stored for and to no other, whoever asks and by whatever way."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.api.access import tokens
from services.api.connections.use_cases import questions
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import workers
from shared.database.tables import AccountRole, AuditEntry
from shared.errors import RollcallError, SettingsInvalid
from shared.settings.candidate import secret_fields, section_of
from shared.settings.documents import SECTION_MODELS, Section
from shared.settings.store import public
from shared.worker.context import Context
from tests.integration.api.conftest import SITE, serving

SECRET = "Harbour-Lamp-Onion.41"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
DIRECTORY = {"servers": ["dc1.corp.example", "dc2.corp.example"], "user": "rollcall@corp.example"}
PHONE_SYSTEM = {"base_url": "https://pbx.corp.example:5001", "client_id": "rollcall"}
KEYS = [
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
]
RELAY = {"host": "pbx.corp.example", "port": 8801, "public_key": KEYS[0]}
Json = dict[str, Any]


class Listener:
    """A host of the attacker: takes connections and keeps every byte."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heard = b""
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(2)
                try:
                    self.heard += connection.recv(65536)
                except OSError:
                    continue

    def close(self) -> None:
        """Take no more."""
        self._socket.close()


@pytest.fixture
def attacker() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def stored(context: Context) -> Context:
    """A deployment whose three ends are set up, with their secrets."""
    settings.apply_settings(
        context,
        SITE,
        {
            "directory": DIRECTORY | {"password": SECRET},
            "phone_system": PHONE_SYSTEM | {"client_secret": SECRET},
            "relay": RELAY | {"signing_key": SECRET},
        },
        "test",
    )
    return context


def _secret(context: Context, section: Section) -> str:
    document = section_of(context.site_settings(SITE), section)
    (name,) = secret_fields(section)
    secret: str = getattr(document, name).get_secret_value()
    return secret


def _elsewhere(port: int) -> list[tuple[Section, Json]]:
    there = f"127.0.0.1:{port}"
    return [
        (Section.DIRECTORY, DIRECTORY | {"servers": [there], "security": "plain", "allow_plain": True}),
        (Section.PHONE_SYSTEM, PHONE_SYSTEM | {"base_url": f"http://{there}"}),
        (Section.PHONE_SYSTEM, PHONE_SYSTEM | {"base_url": f"https://{there}"}),
    ]


def test_a_test_of_another_address_sends_nothing_there_and_says_why(
    stored: Context, attacker: Listener
) -> None:
    ask = {Section.DIRECTORY: questions.test_directory, Section.PHONE_SYSTEM: questions.test_phone_system}
    with workers(stored):
        for section, values in _elsewhere(attacker.port):
            for mask in ({}, dict.fromkeys(secret_fields(section), "set")):
                with pytest.raises(SettingsInvalid, match=r"was stored for .*corp\.example.*Enter it again"):
                    ask[section](stored, SITE, values | mask, "anna")
        with pytest.raises(SettingsInvalid):
            questions.list_attributes(stored, SITE, _elsewhere(attacker.port)[0][1])
        assert attacker.connections == 0
        # Typed again it may go there: whoever types it has it.
        with pytest.raises(RollcallError):
            questions.test_directory(
                stored, SITE, _elsewhere(attacker.port)[0][1] | {"password": "typed-again"}, "anna"
            )
        assert attacker.connections > 0
    assert SECRET.encode() not in attacker.heard


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (Section.DIRECTORY, {"servers": ["dc1.corp.example", "dc9.evil.example"]}),
        (Section.DIRECTORY, {"servers": ["dc1.corp.example:6360"]}),
        (Section.DIRECTORY, {"security": "starttls"}),
        (Section.DIRECTORY, {"security": "plain", "allow_plain": True}),
        (Section.DIRECTORY, {"tls_name": "dc9.evil.example"}),
        (Section.DIRECTORY, {"ca_certificate": CA}),
        (Section.PHONE_SYSTEM, {"base_url": "https://pbx.evil.example:5001"}),
        (Section.PHONE_SYSTEM, {"base_url": "https://pbx.corp.example:5002"}),
        (Section.PHONE_SYSTEM, {"ca_certificate": CA}),
    ],
    ids=str,
)
def test_another_address_is_not_saved_with_the_stored_secret_either(
    stored: Context, section: Section, changes: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, version = settings.read_section(stored, SITE, section)
    for save in (
        lambda values: settings.replace_section(stored, SITE, section, values, "anna"),
        lambda values: settings.apply_settings(stored, SITE, {section.value: values}, "anna"),
    ):
        with pytest.raises(SettingsInvalid, match="Enter it again"):
            save(before | changes)
    assert settings.read_section(stored, SITE, section) == (before, version)
    (name,) = secret_fields(section)
    settings.replace_section(stored, SITE, section, before | changes | {name: "typed-again"}, "anna")
    assert _secret(stored, section) == "typed-again"


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (Section.DIRECTORY, {"servers": ["DC2.corp.example", "dc1.corp.example"]}),
        (
            Section.DIRECTORY,
            {"servers": ["dc2.corp.example"], "user": "other@corp.example", "page_size": 500},
        ),
        (Section.PHONE_SYSTEM, {"base_url": "https://PBX.corp.example:5001/", "concurrency": 4}),
        (Section.RELAY, {"host": "10.0.0.7", "port": 8802}),
    ],
    ids=str,
)
def test_what_is_no_other_address_keeps_the_secret(stored: Context, section: Section, changes: Json) -> None:
    values, _ = settings.read_section(stored, SITE, section)
    settings.replace_section(stored, SITE, section, values | changes, "anna")
    assert _secret(stored, section) == SECRET


def test_every_section_with_a_secret_says_where_it_goes() -> None:
    for section in Section:
        if secret_fields(section):
            assert "destinations" in vars(SECTION_MODELS[section]), section


def test_clearing_the_address_forgets_the_secret_and_so_does_another_relay(stored: Context) -> None:
    for section, changes in (
        (Section.DIRECTORY, {"servers": []}),
        (Section.PHONE_SYSTEM, {"base_url": ""}),
        (Section.RELAY, {"public_key": KEYS[1]}),
    ):
        values, _ = settings.read_section(stored, SITE, section)
        settings.replace_section(stored, SITE, section, values | changes, "anna")
        assert _secret(stored, section) == ""


def test_an_earlier_version_with_another_address_does_not_get_the_newest_secret(stored: Context) -> None:
    earlier = public(section_of(stored.site_settings(SITE), Section.DIRECTORY))
    newest = earlier | {"servers": ["dc7.corp.example"], "password": "another secret"}
    settings.replace_section(stored, SITE, Section.DIRECTORY, newest, "anna")
    with pytest.raises(SettingsInvalid, match=r"dc7\.corp\.example"):
        settings.replace_section(stored, SITE, Section.DIRECTORY, earlier, "anna")


def test_the_audit_says_who_had_which_address_asked(stored: Context) -> None:
    impatient = Context(
        stored.app,
        stored.settings.model_copy(update={"question_seconds": 0.05}),
        stored.database,
        stored.encryption,
    )
    evil = PHONE_SYSTEM | {"base_url": "https://pbx.evil.example", "client_secret": "typed"}
    for ask, values in (
        (questions.test_directory, None),
        (questions.test_phone_system, evil),
        (questions.test_relay, None),
    ):
        with pytest.raises(RollcallError):
            ask(impatient, SITE, values, "anna")
    # What a page lists beside its form is no test.
    with pytest.raises(RollcallError):
        questions.list_attributes(impatient, SITE, None, "anna")
    with stored.database.read() as session:
        found = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "connection.tested").order_by(AuditEntry.id)
        ).all()
    assert [(entry.actor, entry.details["question"]) for entry in found] == [
        ("anna", "test_directory"), ("anna", "test_phone_system"), ("anna", "test_relay"),
    ]  # fmt: skip
    assert "dc1.corp.example" in found[0].details["to"]
    assert found[1].details["to"] == "https://pbx.evil.example"
    assert found[2].details["to"] == "pbx.corp.example:8801"


@pytest.mark.parametrize("role", [AccountRole.VIEWER, AccountRole.OPERATOR])
def test_whoever_may_not_configure_learns_nothing_about_ports(
    stored: Context, attacker: Listener, role: AccountRole
) -> None:
    token = tokens.create_token(stored, "small", role=role)
    with workers(stored), serving(stored) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        answers = {
            _asked(client, path, port)
            for port in (attacker.port, 1)
            for path in ("directory/test", "directory/attributes", "directory/organizational-units/browse",
                         "phone-system/test", "relay/test", "relay/pair")
        }  # fmt: skip
        answers.add(_status(client.post("/api/v1/database/test", json={})))
    assert {status for status, _ in answers} == {403}
    assert len({said for _, said in answers}) == 1
    assert attacker.connections == 0


def _asked(client: httpx.Client, path: str, port: int) -> tuple[int, str]:
    values = {"servers": [f"127.0.0.1:{port}"], "base_url": f"http://127.0.0.1:{port}", "host": "127.0.0.1"}
    return _status(client.post(f"/api/v1/sites/{SITE}/{path}", json={"values": values, "code": "ABCD-EFGH"}))


def _status(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]
