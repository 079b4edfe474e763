"""Pairing with the relay and testing it, over HTTP and answered by a real worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from rollcall_relay.pairing import Pairing
from services.api.connections.schemas.questions import RelayAnswer
from services.api.settings.use_cases import sections as settings
from services.cli.deployment import open_deployment, workers
from services.relay_client.archiving.relay import Relay
from shared.database.tables import AuditEntry
from shared.errors import RelayRefused
from shared.process_settings import load
from shared.settings.documents import Section
from shared.worker.context import Context
from tests.integration.api.conftest import SITE, serving
from tests.integration.relay.peer import ServedRelay
from tests.integration.relay.phones import Phones
from tests.support.relay import some_public_key

PATH = f"/api/v1/sites/{SITE}/relay"
Json = dict[str, Any]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A deployment with its own workers."""
    opened = open_deployment(load({}, data=tmp_path / "data", question_seconds=20.0))
    with workers(opened):
        yield opened
    opened.database.close()


@pytest.fixture
def api(context: Context) -> Iterator[httpx.Client]:
    """Its API."""
    with serving(context) as client:
        yield client


def _values(relay: ServedRelay, **changes: object) -> Json:
    return {"host": "127.0.0.1", "port": relay.port, "public_key": relay.public_key} | changes


def test_pairing_saves_the_settings_and_the_test_shows_the_host(
    api: httpx.Client, context: Context, relay: ServedRelay, phones: Phones
) -> None:
    paired = api.post(f"{PATH}/pair", json={"code": relay.code, "values": _values(relay)})
    assert paired.json() == {"address": f"127.0.0.1:{relay.port}"}
    said = RelayAnswer.model_validate(api.post(f"{PATH}/test").json())
    assert said.is_usable
    assert said.problems == []
    assert said.recordings_folder == str(phones.recordings)
    assert said.free_bytes > 0

    stored, version = settings.read_section(context, SITE, Section.RELAY)
    assert (stored["signing_key"], version) == ("set", 2)
    with context.database.read() as session:
        audited = {(entry.action, entry.actor) for entry in session.scalars(select(AuditEntry))}
    assert ("relay.paired", "token:tester") in audited
    # The form is sent without the key, as it was shown; the stored one still opens the relay.
    assert api.post(f"{PATH}/test", json={"values": _values(relay)}).json()["is_usable"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"public_key": some_public_key()}, "relay_key_mismatch"),
        ({"port": 9}, "relay_unavailable"),
        ({"host": "no-such-host.invalid"}, "address_unknown"),
        ({"public_key": ""}, "settings_invalid"),
        ({}, "relay_refused"),
    ],
    ids=["another key", "nobody there", "no such host", "no key", "not paired"],
)
def test_what_is_wrong_has_a_code_and_a_sentence(
    api: httpx.Client, relay: ServedRelay, changes: Json, code: str
) -> None:
    problem = api.post(f"{PATH}/test", json={"values": _values(relay, **changes)}).json()
    assert problem["code"] == code
    assert problem["detail"].endswith(".")


def test_a_wrong_code_pairs_nobody_and_the_right_one_still_does(
    api: httpx.Client, relay: ServedRelay
) -> None:
    values = _values(relay)
    wrong = api.post(f"{PATH}/pair", json={"code": "AAAA-BBBB-CCCC-DDDD", "values": values}).json()
    assert wrong["code"] == "relay_refused"
    assert api.post(f"{PATH}/pair", json={"code": relay.code}).status_code == 200


def test_a_code_that_is_tried_again_says_that_the_pairing_stands(
    api: httpx.Client, relay: ServedRelay
) -> None:
    body = {"code": relay.code, "values": _values(relay)}
    assert api.post(f"{PATH}/pair", json=body).status_code == 200
    again = api.post(f"{PATH}/pair", json=body).json()
    assert again["code"] == "relay_refused"
    assert again["detail"].endswith("The previous pairing remains valid.")
    assert api.post(f"{PATH}/test").json()["is_usable"]


def test_pairing_anew_makes_a_new_key_and_the_old_one_opens_nothing(
    api: httpx.Client, context: Context, relay: ServedRelay, phones: Phones
) -> None:
    api.post(f"{PATH}/pair", json={"code": relay.code, "values": _values(relay)})
    old = context.site_settings(SITE).settings.relay
    assert (
        api.post(f"{PATH}/pair", json={"code": Pairing(phones.folder / "state").new_code()}).status_code
        == 200
    )
    new = context.site_settings(SITE).settings.relay
    assert new.signing_key != old.signing_key
    assert api.post(f"{PATH}/test").json()["is_usable"]
    with pytest.raises(RelayRefused):
        Relay(old).test()


def test_what_the_host_lacks_is_listed(api: httpx.Client, relay: ServedRelay, phones: Phones) -> None:
    api.post(f"{PATH}/pair", json={"code": relay.code, "values": _values(relay)})
    phones.sql("DROP TABLE recordings CASCADE")
    said = api.post(f"{PATH}/test").json()
    assert said["is_usable"] is False
    assert said["problems"]
