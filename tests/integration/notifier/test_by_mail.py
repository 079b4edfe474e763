"""What is told by e-mail: sent once, by a real mail server, kept while it is down, and never another site's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from services.api.settings.use_cases import sections as settings
from services.api.web.tls import VALID_FOR, own_certificate
from services.notifier.delivery import SENDERS
from services.notifier.message import Message
from shared.database.tables import Event, Run, RunState, SnapshotPart
from shared.domain.notifying import Channel
from shared.settings.documents import NotificationsSettings
from shared.worker.context import Context
from tests.integration.api.builders import CLASH
from tests.integration.notifier.telling import (
    SITE,
    bring_forward,
    by_mail,
    configure,
    look,
    open_site,
    outbox,
    run_that,
    states,
)
from tests.support.receivers import PASSWORD, USER, MailServer, certificate, server_tls

pytestmark = pytest.mark.usefixtures("ready")


def _subjects(mail: MailServer) -> list[str]:
    return [str(item["Subject"]) for item in mail.mails]


def test_a_plan_that_waits_is_told_once_with_a_link_however_often_somebody_looks(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail))
    run_id = run_that(context, RunState.HELD)
    with mail.up():
        for _ in range(3):
            look(context)
        # Replaced by a newer plan, which waits as well.
        newer = run_that(context, RunState.COLLECTING, planned_at=None)
        with context.database.begin() as session:
            session.execute(
                update(Run).where(Run.id == run_id).values(state="cancelled", superseded_by=newer)
            )
        look(context)
        with context.database.begin() as session:
            session.execute(update(Run).where(Run.id == newer).values(state="held"))
        look(context)
    (sent,) = mail.mails
    assert sent["Subject"] == "[Rollcall] A plan needs approval"
    assert (sent["To"], sent["Auto-Submitted"]) == ("phones@example.com", "auto-generated")
    plain, html = (part.get_content() for part in sent.iter_parts())
    link = f"https://rollcall.example.com/console/runs/{run_id}/plan"
    assert f"Run {run_id} would" in plain
    assert link in plain
    assert f'<a href="{link}">' in html


def test_a_failed_run_is_told_when_it_begins_and_when_it_is_over(context: Context, mail: MailServer) -> None:
    configure(context, **by_mail(mail))
    with mail.up():
        for state in (RunState.FAILED, RunState.FAILED, RunState.DONE, RunState.DONE):
            run_that(
                context, state, error_message="3CX did not answer.", error_code="phone_system_unavailable"
            )
            look(context)
    assert _subjects(mail) == ["[Rollcall] The last run failed", "[Rollcall] Runs succeed again"]
    assert "3CX did not answer." in str(mail.mails[0].get_body(("plain",)))


def test_of_conflicts_only_new_ones_are_told(context: Context, mail: MailServer) -> None:
    configure(context, **by_mail(mail))
    with mail.up():
        for findings in ((CLASH,), (CLASH,), ()):
            run_that(context, RunState.DONE, findings=findings)
            look(context)
    assert _subjects(mail) == ["[Rollcall] 1 new conflict"]


def test_a_mail_server_that_is_down_loses_nothing_and_order_is_kept(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail))
    run_that(context, RunState.FAILED, error_message="No answer.")
    look(context)
    run_that(context, RunState.DONE)
    look(context)
    first, second = outbox(context)
    assert (first.state, first.attempts, first.error_code) == ("pending", 1, "receiver_unavailable")
    assert (second.state, second.attempts) == ("pending", 0)
    bring_forward(context)
    with mail.up():
        look(context)
    assert _subjects(mail) == ["[Rollcall] The last run failed", "[Rollcall] Runs succeed again"]
    assert [row.error_code for row in outbox(context)] == [None, None]


def test_a_mail_server_that_puts_off_is_asked_again_and_one_that_refuses_is_not(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail))
    run_that(context, RunState.FAILED)
    with mail.up():
        mail.refusal = "451 4.7.1 greylisted, come back later"
        look(context)
        assert states(context) == [("run_failed", "pending")]
        mail.refusal = "554 5.7.1 no thanks"
        bring_forward(context)
        look(context)
    (row,) = outbox(context)
    assert row.state == "failed"
    assert "554 5.7.1 no thanks" in (row.error_message or "")
    with context.database.read() as session:
        entry = session.scalars(select(Event).where(Event.code == "notification.failed")).one()
    assert "The last run failed" in entry.message


def test_a_recipient_who_is_unknown_is_named_and_the_others_have_it(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail, recipients=["gone@example.com", "phones@example.com"]))
    mail.unknown = {"gone@example.com"}
    run_that(context, RunState.FAILED)
    with mail.up():
        look(context)
    assert len(mail.mails) == 1
    (row,) = outbox(context)
    assert row.state == "failed"
    assert "gone@example.com" in (row.error_message or "")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_protected_mail_server_is_trusted_by_the_given_authority_alone(
    context: Context, mail: MailServer, tmp_path: Path, security: str
) -> None:
    wanted = by_mail(mail, smtp_security=security)
    if security == "starttls":
        wanted |= {"smtp_user": USER, "smtp_password": PASSWORD}
    configure(context, **wanted)
    run_that(context, RunState.FAILED)
    with mail.up(server_tls(tmp_path), at_once=security == "tls"):
        look(context)
        assert [row.error_code for row in outbox(context)] == ["certificate_rejected"]
        assert not mail.mails
        configure(context, **wanted, ca_certificate=certificate()[0])
        bring_forward(context)
        look(context)
    assert _subjects(mail) == ["[Rollcall] The last run failed"]


def test_a_wrong_password_is_not_repeated_soon_and_never_shown(
    context: Context, mail: MailServer, tmp_path: Path
) -> None:
    configure(
        context,
        **by_mail(
            mail,
            smtp_security="starttls",
            smtp_user=USER,
            smtp_password="wrong one",
            ca_certificate=certificate()[0],
        ),
    )
    run_that(context, RunState.FAILED)
    with mail.up(server_tls(tmp_path)):
        look(context)
    (row,) = outbox(context)
    assert (row.state, row.error_code) == ("pending", "bad_credentials")
    assert (row.due_at - row.created_at).total_seconds() > 3000
    assert "wrong one" not in (row.error_message or "")


def test_no_name_begins_another_header_or_is_taken_for_markup(context: Context, mail: MailServer) -> None:
    open_site(context, "oslo", "Oslo\r\nBcc: evil@example.com")
    configure(context, "oslo", **by_mail(mail))
    run_that(context, RunState.FAILED, "oslo", error_message="<img src=x>\r\n\r\nBcc: evil@example.com")
    with mail.up():
        look(context, "oslo")
    (sent,) = mail.mails
    assert sent["Bcc"] is None
    assert sent["To"] == "phones@example.com"
    html = sent.get_body(("html",))
    assert html is not None
    assert "<img" not in html.get_content()


def test_a_site_tells_only_its_own_receivers_of_its_own_runs(context: Context, mail: MailServer) -> None:
    other = MailServer()
    open_site(context, "oslo", "Oslo")
    configure(context, **by_mail(mail))
    configure(context, "oslo", **by_mail(other))
    run_that(context, RunState.FAILED)
    with mail.up(), other.up():
        look(context)
        look(context, "oslo")
    assert (len(mail.mails), len(other.mails)) == (1, 0)
    assert {row.site_id for row in outbox(context)} == {SITE}


def test_a_kind_that_is_turned_off_and_a_channel_that_is_gone_send_nothing(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail, email_kinds=["plan_waits"]))
    run_that(context, RunState.FAILED)
    look(context)
    assert outbox(context) == []
    run_that(context, RunState.HELD)
    look(context)
    configure(context)
    bring_forward(context)
    look(context)
    (row,) = outbox(context)
    assert (row.kind, row.state) == ("plan_waits", "failed")


def test_what_the_newest_reading_saw_of_licence_certificates_and_password_is_told(
    context: Context, mail: MailServer
) -> None:
    configure(context, **by_mail(mail))
    run_id = run_that(context, RunState.DONE)
    soon = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    later = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    unit: dict[str, Any] = {
        "certificate_ends_at": later,
        "password_ends_at": soon,
        "account": "rollcall@corp.example",
    }
    system: dict[str, Any] = {"used_extensions": 98, "max_extensions": 100, "certificate_ends_at": soon}
    with context.database.begin() as session:
        for part in session.scalars(select(SnapshotPart).where(SnapshotPart.run_id == run_id)):
            part.state, part.source = "complete", f"the {part.kind}"
            part.proof = {"extensions": system, "unit": unit}.get(part.kind, {})
    with mail.up():
        look(context)
        look(context)
    assert sorted(_subjects(mail)) == [
        "[Rollcall] A certificate or password expires soon",
        "[Rollcall] The 3CX licence is nearly full",
    ]
    told = "".join(str(item.get_body(("plain",))) for item in mail.mails)
    assert "The certificate of the extensions expires on" in told
    assert "The password of rollcall@corp.example expires on" in told
    assert "98 of 100 licensed extensions are in use, 2 free." in told
    assert "the unit" not in told


def test_certificate_and_client_secret_of_the_console_are_told_once_by_the_first_site_alone(
    context: Context, mail: MailServer, tmp_path: Path
) -> None:
    open_site(context, "branch", "Branch")
    soon = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    for site in (SITE, "branch"):
        configure(context, site, **by_mail(mail))
    sign_on = {
        "is_enabled": True,
        "issuer": "https://idp.example/realms/corp",
        "client_id": "rollcall",
        "roles": [{"value": "admins", "role": "manager"}],
        "client_secret_ends_on": soon,
    }
    settings.apply_settings(context, SITE, {"single_sign_on": sign_on}, "test")
    made = own_certificate(tmp_path, "127.0.0.1", datetime.now(UTC) - VALID_FOR + timedelta(days=3))
    serving = replace(
        context, settings=context.settings.model_copy(update={"tls_certificate": made.certificate})
    )
    with mail.up():
        for site in (SITE, "branch", SITE):
            look(serving, site)
    assert _subjects(mail) == ["[Rollcall] A certificate or password expires soon"]
    told = str(mail.mails[0].get_body(("plain",)))
    assert f"The client secret of single sign-on expires on {soon} 00:00 UTC." in told
    assert "The certificate of the console expires on" in told


def test_a_message_that_a_channel_cannot_write_keeps_nothing_else_from_being_sent(
    context: Context, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def _broken(_settings: NotificationsSettings, _message: Message) -> str:
        raise AttributeError("https://hooks.example/secret")

    monkeypatch.setitem(cast(dict[Channel, Any], SENDERS), Channel.SLACK, _broken)
    configure(context, **by_mail(mail), slack_url="https://hooks.example/secret")
    run_that(context, RunState.HELD)
    with mail.up():
        look(context)
    assert _subjects(mail) == ["[Rollcall] A plan needs approval"]
    with context.database.read() as session:
        (entry,) = session.scalars(select(Event).where(Event.code == "notification.failed")).all()
    assert "(Slack). The channel could not write it (AttributeError)." in entry.message
    assert "secret" not in entry.message
