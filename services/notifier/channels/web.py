"""Microsoft Teams, Slack and any other receiver by HTTP: one POST each, to an address that no answer can change."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from services.notifier.channels.failures import RAISED, TIMEOUT_SECONDS, from_exception, from_status, trusting
from services.notifier.message import Message
from shared.language import declared, shown
from shared.settings.sections.notifications import NotificationsSettings, webhook_key

# Slack takes no longer text in one section.
_SLACK_MOST = 3000


def send_to_teams(settings: NotificationsSettings, message: Message) -> str:
    """Post it to the workflow as an Adaptive Card; the host it went to.

    :raises RollcallError: it was not taken, or perhaps not.
    """
    return _post(settings, settings.teams_url.get_secret_value(), _encoded(teams_card(message)))


def send_to_slack(settings: NotificationsSettings, message: Message) -> str:
    """Post it to the incoming webhook; the host it went to.

    :raises RollcallError: as ``send_to_teams``.
    """
    return _post(settings, settings.slack_url.get_secret_value(), _encoded(slack_blocks(message)))


def send_to_webhook(settings: NotificationsSettings, message: Message, now: datetime | None = None) -> str:
    """Post it as JSON, signed as Standard Webhooks has it; the host it went to.

    :raises RollcallError: as ``send_to_teams``.
    """
    body = _encoded(webhook_body(message))
    stamp = str(int((now or datetime.now(UTC)).timestamp()))
    message_id = f"msg_{message.id}"
    key = webhook_key(settings.webhook_secret.get_secret_value())
    signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    return _post(settings, settings.webhook_url.get_secret_value(), body, headers)


def webhook_body(message: Message) -> dict[str, Any]:
    """What a program is told, all of it."""
    return {
        "type": message.kind,
        "timestamp": message.created_at.isoformat(),
        "data": {
            "site": message.site_id,
            "severity": message.severity.value,
            "title": shown(message.title),
            "lines": [shown(line) for line in message.lines],
            "link": message.link,
        },
    }


def teams_card(message: Message) -> dict[str, Any]:
    """The card in the envelope that the workflow expects. Names stand in text runs, where nothing is Markdown."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            _run(message.heading, weight="Bolder", size="Medium"),
            *(_run(line) for line in message.shown_lines),
        ],
    }
    if message.link:
        title = shown(declared("Open in Rollcall"))
        card["actions"] = [{"type": "Action.OpenUrl", "title": title, "url": message.link}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _run(text: str, **look: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **look}]}


def slack_blocks(message: Message) -> dict[str, Any]:
    """Blocks of plain text, where nothing is a mention or a link; the link is ours alone."""
    text = "\n".join([message.heading, *message.shown_lines])
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": text[:_SLACK_MOST], "emoji": False}}
    ]
    if message.link:
        link = f"<{message.link}|{shown(declared('Open in Rollcall'))}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    return {"text": _without_markup(message.heading), "blocks": blocks}


def _without_markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _post(
    settings: NotificationsSettings, address: str, body: bytes, headers: Mapping[str, str] | None = None
) -> str:
    host = urlsplit(address).hostname or ""
    try:
        with (
            httpx.Client(verify=trusting(settings.ca_certificate), timeout=TIMEOUT_SECONDS) as client,
            # What is answered besides the status is read by nobody, however long it is.
            client.stream(
                "POST", address, content=body, headers={"Content-Type": "application/json", **(headers or {})}
            ) as response,
        ):
            status = response.status_code
    except RAISED as error:
        raise from_exception(error, host) from error
    if not 200 <= status < 300:
        raise from_status(status, host)
    return host
