"""Welcome messages sent again: for people with a link only, audited before and told afterwards."""

from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import select

from shared.database.tables import AuditEntry, Event
from shared.errors import PhoneSystemUnavailable
from shared.worker.context import Context
from tests.integration.api.builders import bind
from tests.integration.api.conftest import SITE

URL = f"/api/v1/sites/{SITE}/welcome-messages"
Answering = Callable[[str, Callable[[dict[str, Any]], Any]], None]


def _told(context: Context) -> tuple[list[str], list[str]]:
    with context.database.read() as session:
        audited = session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("welcome.")))
        said = session.scalars(select(Event.message).where(Event.code.startswith("welcome.")))
        return list(audited), list(said)


def test_it_is_asked_for_in_the_audit_and_told_in_the_log(
    client: httpx.Client, ready: Context, answering: Answering
) -> None:
    bind(ready)
    asked: list[dict[str, Any]] = []

    def _answer(arguments: dict[str, Any]) -> list[dict[str, str]]:
        asked.append(arguments)
        return [{"number": "100", "result": "sent", "message": "3CX sends it to ada@example.test."}]

    answering("relay_client.send_welcome", _answer)
    answer = client.post(URL, json={"numbers": ["100"]})
    assert [item["result"] for item in answer.json()["items"]] == ["sent"]
    assert asked == [{"site_id": SITE, "extensions": {"100": 100}}]
    assert _told(ready) == (
        ["welcome.asked_for"],
        ["The welcome message of extension 100 was sent again. 3CX sends it to ada@example.test."],
    )


def test_somebody_without_a_link_keeps_all_of_it_from_being_sent(
    client: httpx.Client, ready: Context
) -> None:
    bind(ready)
    answer = client.post(URL, json={"numbers": ["100", "999"]})
    assert answer.status_code == 404
    assert "999" in answer.json()["detail"]
    assert _told(ready) == ([], [])


def test_a_phone_system_that_does_not_answer_leaves_it_unknown_in_the_log(
    client: httpx.Client, ready: Context, answering: Answering
) -> None:
    bind(ready)

    def _away(_arguments: dict[str, Any]) -> None:
        raise PhoneSystemUnavailable("pbx did not answer.")

    answering("relay_client.send_welcome", _away)
    assert client.post(URL, json={"numbers": ["100"]}).status_code >= 500
    assert _told(ready) == (
        ["welcome.asked_for"],
        ["The welcome message of extension 100 may have been sent again. pbx did not answer."],
    )
