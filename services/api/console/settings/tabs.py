"""The tabs of the settings: which part of which document each shows, in which groups, and what its fields are called.

A test sees to it that every field of every document has its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.api.console.settings.fields import Field, fields_of
from shared.settings.documents import Section


@dataclass(frozen=True, slots=True)
class Tab:
    """One form. ``question`` names what its Test button asks."""

    slug: str
    title: str
    section: Section
    intro: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    question: str = ""

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the form by name."""
        known = fields_of(self.section)
        return {name: known[name] for _, names in self.groups for name in names}


TABS: tuple[Tab, ...] = (
    Tab(
        "directory",
        "Active Directory",
        Section.DIRECTORY,
        "Where people are read from, and as whom. Rollcall never writes there.",
        (
            ("Domain controllers", ("servers", "security", "tls_name", "ca_certificate", "allow_plain")),
            ("Account", ("user", "password", "authentication")),
            (
                "Which attribute gives what",
                (
                    "attributes.number",
                    "attributes.first_name",
                    "attributes.last_name",
                    "attributes.display_name",
                    "attributes.email",
                    "attributes.mobile",
                    "attributes.department",
                ),
            ),
            (
                "How a number is read",
                ("number_rule.min_digits", "number_rule.max_digits", "number_rule.last_digits"),
            ),
            ("Who is read", ("filter", "required_group")),
            ("Fine tuning", ("page_size", "connect_timeout_seconds", "receive_timeout_seconds")),
        ),
        "directory",
    ),
    Tab(
        "units",
        "Organizational units",
        Section.DIRECTORY,
        "Whose people have extensions. Somebody in several units belongs to the first; new extensions are made like "
        "its template.",
        (("", ("units",)),),
        "directory",
    ),
    Tab(
        "exclude",
        "Exclude extensions",
        Section.RULES,
        "People and extensions that Rollcall leaves alone altogether.",
        (("", ("exclusions",)),),
    ),
    Tab(
        "rules",
        "Rules",
        Section.RULES,
        "What happens to whose extension.",
        (
            (
                "When somebody is not there any more",
                ("when_deleted", "when_moved_out", "when_disabled", "when_number_cleared", "removal_scope"),
            ),
            ("When somebody is new or back", ("add_missing", "adoption", "reenabling")),
            ("Departments", ("add_to_departments", "create_missing_departments", "department_mode")),
        ),
    ),
    Tab(
        "limits",
        "Limits",
        Section.LIMITS,
        "A plan waits for a person when it goes above both figures of a line, for the site or for one unit.",
        (
            ("Removals", ("removals", "removals_percent")),
            ("Disablings", ("disables", "disables_percent")),
            ("Changes", ("updates", "updates_percent")),
            ("People missing", ("people_down_percent",)),
        ),
    ),
    Tab(
        "schedule",
        "Schedule",
        Section.SCHEDULE,
        "When runs start by themselves. Times in this console are shown in the same time zone.",
        (("", ("is_enabled", "mode", "every_minutes", "times", "time_zone")),),
    ),
    Tab(
        "phone-system",
        "Phone system",
        Section.PHONE_SYSTEM,
        "The 3CX V20 phone system, and the API client that Rollcall is there.",
        (
            ("Connection", ("base_url", "client_id", "client_secret", "ca_certificate")),
            ("Fine tuning", ("allowed_roles", "concurrency", "timeout_seconds")),
        ),
        "phone_system",
    ),
    Tab(
        "archive",
        "Archive",
        Section.ARCHIVE,
        "Voicemails and recordings of a leaver go to another extension before theirs is deleted.",
        (
            ("", ("is_enabled", "extension", "voicemails", "recordings")),
            ("Fine tuning", ("keep_backup", "accept_missing")),
        ),
    ),
    Tab(
        "relay",
        "Relay",
        Section.RELAY,
        "The small program on the phone system's host that moves voicemails and recordings. It prints its public key "
        "and a pairing code at its first start.",
        (("", ("host", "port", "public_key")), ("Fine tuning", ("timeout_seconds",))),
        "relay",
    ),
)
# Made by Rollcall itself, so no form shows them.
MADE_BY_ROLLCALL = {(Section.RELAY, "signing_key")}
BY_SLUG: Mapping[str, Tab] = {tab.slug: tab for tab in TABS}

# Names of fields that their place in the document does not say well enough.
_LABELS: Mapping[str, str] = {
    "ca_certificate": "CA certificate",
    "public_key": "Public key of the relay",
    "keep_backup": "Keep a backup too",
    "accept_missing": "Accept audio that is missing",
    "tls_name": "Name in the certificate",
    "allow_plain": "Send the password without encryption",
    "filter": "LDAP filter",
    "attributes.number": "Extension number",
    "attributes.email": "E-mail",
    "number_rule.min_digits": "Fewest digits",
    "number_rule.max_digits": "Most digits",
    "number_rule.last_digits": "Last digits of a full number",
    "dn": "Distinguished name",
    "when_deleted": "Deleted from the directory",
    "when_moved_out": "Moved out of the units",
    "when_disabled": "Account disabled or expired",
    "when_number_cleared": "Number emptied",
    "removal_scope": "Which extensions may be removed",
    "add_missing": "Add missing extensions",
    "adoption": "Extensions that exist already",
    "reenabling": "Enable again",
    "add_to_departments": "Add extensions to departments",
    "create_missing_departments": "Create missing departments",
    "department_mode": "When the department changes",
    "removals": "Extensions",
    "disables": "Extensions",
    "updates": "Extensions",
    "removals_percent": "Percent of the managed extensions",
    "disables_percent": "Percent of the managed extensions",
    "updates_percent": "Percent of the managed extensions",
    "people_down_percent": "Percent fewer than at the last good run",
    "base_url": "Address",
    "client_id": "Client ID",
    "client_secret": "Client secret (API key)",
    "allowed_roles": "Roles that a template may give",
    "concurrency": "Requests at once",
    "every_minutes": "Minutes",
    "times": "Times of day",
    "mode": "How often",
    "kind": "Compare",
    "value": "Filter text",
}
_ENABLED: Mapping[Section, str] = {
    Section.SCHEDULE: "Start runs by themselves",
    Section.ARCHIVE: "Archive before deleting",
}
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "security": {"ldaps": "LDAPS (port 636)", "starttls": "StartTLS (port 389)", "plain": "None (port 389)"},
    "authentication": {"simple": "Simple", "ntlm": "NTLM", "kerberos": "Kerberos"},
    "removal_scope": {
        "managed": "Only managed ones",
        "all": "All that nobody stands for",
    },
    "adoption": {
        "same_name": "Adopt when the name or e-mail agrees",
        "always": "Adopt when the number agrees",
        "never": "Never adopt",
    },
    "reenabling": {
        "disabled_by_rollcall": "Only what Rollcall disabled",
        "always": "Also what was disabled by hand",
    },
    "department_mode": {"add": "Join the new one", "follow": "Join the new one and leave the old one"},
    "mode": {"every": "Every so many minutes", "times": "At times of day"},
    "kind": {
        "exact": "The name is",
        "contains": "The name contains",
        "wildcard": "The name is like (* and ?)",
        "regex": "The name fits the expression",
        "numbers": "The number is, or lies in",
    },
}


def label(section: Section, name: str) -> str:
    """What a field is called."""
    if name == "is_enabled":
        return _ENABLED[section]
    last = name.rpartition(".")[2]
    return _LABELS.get(name) or _LABELS.get(last) or last.replace("_", " ").capitalize()


def choice(name: str, value: str) -> str:
    """What a choice is called."""
    return _CHOICES.get(name, {}).get(value) or value.replace("_", " ").capitalize()
