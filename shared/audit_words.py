"""What an entry of the audit says: one sentence, and the values before and after of settings by their labels. Pure.

The audit stores codes and facts, which are sealed; the sentence is made when it is read, in the reader's language, so
that entries of older versions have one too.
"""

from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from typing import Any

from shared.domain.actor import who
from shared.language import Sentence, counted, declared, named, phrase, read_back

Change = tuple[str, str | None, str | None]


class AuditKind(StrEnum):
    """What an entry is about, to filter by."""

    SETTINGS = "settings"
    PLANS = "plans"
    PEOPLE = "people"
    ACCESS = "access"
    SITES = "sites"
    OPERATION = "operation"


KINDS: Mapping[AuditKind, str] = {
    AuditKind.SETTINGS: declared("Settings"),
    AuditKind.PLANS: declared("Plans and runs"),
    AuditKind.PEOPLE: declared("People and extensions"),
    AuditKind.ACCESS: declared("Accounts and sign-in"),
    AuditKind.SITES: declared("Sites"),
    AuditKind.OPERATION: declared("Operation"),
}
# What stands before the dot of an action, by kind.
ACTIONS: Mapping[AuditKind, tuple[str, ...]] = {
    AuditKind.SETTINGS: ("settings", "logo", "relay"),
    AuditKind.PLANS: ("run",),
    AuditKind.PEOPLE: ("binding", "directory", "grace", "owed", "template", "welcome"),
    AuditKind.ACCESS: ("account", "second_factor", "setup_link", "sign_in", "token"),
    AuditKind.SITES: ("site",),
    AuditKind.OPERATION: (
        "audit",
        "backup",
        "connection",
        "controller",
        "diagnostics",
        "keys",
        "log",
        "notification",
    ),
}
# By action; the first one counts whose facts the entry has.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "account.created": (
        declared("{who} created the account {account} ({role})."),
        declared("{who} created the account {account}."),
    ),
    "account.disabled": (declared("{who} disabled the account {account}."),),
    "account.enabled": (declared("{who} enabled the account {account}."),),
    "account.passed_on": (
        declared("{who} gave the account {account} to another person with the same user name."),
    ),
    "account.password_set": (declared("{who} set the password of {account}."),),
    "account.role_changed": (declared("{who} changed the role of {account} to {role}."),),
    "account.signed_in": (
        declared("{account} signed in from {address} with {second_factor}."),
        declared("{account} signed in from {address}."),
    ),
    "audit.sealed": (declared("{who} sealed the audit of an earlier version: {entries}."),),
    "backup.made": (declared("{who} made a backup."),),
    "backup.restored": (declared("{who} restored a backup."),),
    "binding.released": (declared("{who} unlinked extension {number} from {name}."),),
    "binding.set": (declared("{who} linked extension {number} to {name}."),),
    "connection.tested": (
        declared("{who} tested or queried {to}."),
        declared("{who} tested a connection that is not set up."),
    ),
    "controller.forgotten": (declared("{who} removed the domain controller {controller} from the list."),),
    "diagnostics.downloaded": (declared("{who} downloaded the diagnostics file."),),
    "directory.number_written": (
        declared("{who} wrote the number {number} to {attribute} of {name} in Active Directory."),
    ),
    "grace.extended": (declared("{who} postponed the deletion of extension {number} to {until}."),),
    "grace.kept": (declared("{who} stopped the deletion of extension {number}."),),
    "grace.resumed": (declared("{who} resumed the deletion of extension {number}."),),
    "keys.rotated": (
        declared("{who} replaced the secret key. Secrets that were encrypted again: {secrets}."),
    ),
    "log.cleared": (declared("{who} cleared the Log: {entries}."), declared("{who} cleared the Log.")),
    "logo.deleted": (declared("{who} deleted the logo {logo}."),),
    "logo.uploaded": (declared("{who} uploaded the logo {logo}."),),
    "notification.discarded": (declared("{who} discarded the notification “{title}” ({channel})."),),
    "notification.sent_again": (declared("{who} had the notification “{title}” sent again ({channel})."),),
    "owed.given_up": (declared("{who} gave up the unfinished steps of extension {number}."),),
    "owed.tried_again": (declared("{who} had the unfinished steps of extension {number} tried again."),),
    "relay.paired": (declared("{who} paired the relay at {address}."),),
    "run.approved": (
        declared("{who} approved the plan of run {run_id}, without {left_out}."),
        declared("{who} approved the plan of run {run_id}."),
    ),
    "run.cancelled": (declared("{who} cancelled run {run_id}."),),
    "run.rejected": (
        declared("{who} rejected the plan of run {run_id}. Reason given: {reason}"),
        declared("{who} rejected the plan of run {run_id}."),
    ),
    "run.ignores_blackout": (
        declared("{who} applied the changes of run {run_id} despite a blackout window."),
    ),
    "run.undo": (declared("{who} planned to undo run {undoes}."),),
    "second_factor.added": (declared("{who} added the second factor “{label}” to {account}."),),
    "second_factor.recovery_code_used": (declared("{account} signed in with a recovery code."),),
    "second_factor.recovery_codes_renewed": (declared("{who} created new recovery codes for {account}."),),
    "second_factor.removed": (declared("{who} removed the second factor “{label}” of {account}."),),
    "second_factor.reset": (declared("{who} removed all second factors of {account}."),),
    "settings.changed": (declared("{who} changed the {section} settings (version {version})."),),
    "setup_link.made": (declared("{who} created a set-up link."),),
    "sign_in.locked": (
        declared("Sign-in as {account} from {address} was locked after too many failed attempts."),
        declared("Sign-in from {address} was locked after too many failed attempts."),
    ),
    "site.created": (declared("{who} created the site {name}."),),
    "site.held": (
        declared("{who} held all changes. Reason given: {reason}"),
        declared("{who} held all changes."),
    ),
    "site.released": (declared("{who} released the changes that were held."),),
    "site.removal_begun": (declared("{who} began to remove the site {name}."),),
    "site.removed": (declared("{who} removed the site {site}."),),
    "template.asked_for": (
        declared("{who} requested the settings of template {template} for extension {number}."),
    ),
    "token.created": (
        declared("{who} created the token “{name}” ({role}, site {site})."),
        declared("{who} created the token “{name}” ({role}, all sites)."),
    ),
    "token.revoked": (declared("{who} revoked the token “{name}”."),),
    "welcome.asked_for": (declared("{who} requested the welcome message for extension {number}."),),
}
_FACTORS: Mapping[str, str] = {
    "app": declared("an authenticator app"),
    "passkey": declared("a passkey"),
    "recovery_code": declared("a recovery code"),
}
_OTHER = declared("{who}: {action}.")


def audit_sentence(site_id: str, actor: str, action: str, details: Mapping[str, Any]) -> str:
    """What was done, by whom and to what. An action of a newer version is named by its code."""
    facts = {name: _fact(name, value) for name, value in ({"site": site_id} | {**details}).items() if value}
    facts |= {"who": who(actor), "action": action}
    for text in SENTENCES.get(action, ()):
        wanted = [name for _text, name, _spec, _how in Formatter().parse(text) if name]
        if all(name in facts for name in wanted):
            return Sentence(text, {name: facts[name] for name in wanted})
    return _OTHER.format(who=facts["who"], action=action)


def audit_changes(details: Mapping[str, Any]) -> list[Change]:
    """The changed settings by label, before and after; of a secret only that it was changed. Entries of older versions
    name the settings alone.
    """
    # Slow to import, and not needed for the sentences.
    from shared.settings.documents import Section
    from shared.settings.fields import label_of

    try:
        section = Section(details.get("section", ""))
    except ValueError:
        return []
    if "changes" not in details:
        return [(label_of(section, str(name)), None, None) for name in details.get("fields", ())]
    found: list[Change] = [
        (label_of(section, place), _value(was), _value(becomes)) for place, was, becomes in details["changes"]
    ]
    more = details.get("changes_in_all", 0) - len(found)
    if more > 0:
        found.append((counted(more, "more change", "more changes"), None, None))
    return found


def change_in_words(change: Change) -> str:
    """A change on one line."""
    label, was, becomes = change
    if was is None and becomes is None:
        return label
    if was is None or becomes is None:
        return phrase("{label}: {value}", label=label, value=becomes if was is None else was)
    return phrase("{label}: {was} → {becomes}", label=label, was=was, becomes=becomes)


def _value(text: str | None) -> str | None:
    return None if text is None else read_back(text, None)


def _fact(name: str, value: Any) -> Any:
    if name == "entries":
        return counted(value, "entry", "entries")
    if name == "left_out":
        return counted(len(value), "row", "rows")
    if name == "section":
        return named(str(value))
    if name == "role":
        return read_back(str(value), None)
    if name == "second_factor":
        return _FACTORS.get(str(value), value)
    if name == "until":
        return str(value)[:10]
    return value
