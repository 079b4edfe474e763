"""The tabs of the settings: which part of which document each shows, in which groups, and what its fields are called.

A test sees to it that every field of every document has its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.api.console.settings.fields import Field, fields_of
from shared.settings.documents import Section


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that stand together. What most sites never need is folded away."""

    heading: str
    names: tuple[str, ...]
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Tab:
    """One form. ``question`` names what its Test button asks."""

    slug: str
    title: str
    section: Section
    intro: str
    groups: tuple[Group, ...]
    question: str = ""

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the form by name."""
        known = fields_of(self.section)
        return {name: known[name] for group in self.groups for name in group.names}


CONNECTION = Group("Connection", ("servers", "security", "user", "password"))
CERTIFICATE = Group(
    "Certificate and sign-in",
    ("ca_certificate", "tls_name", "authentication", "allow_plain"),
    is_folded=True,
)
NUMBER_RULE = Group(
    "How a number is read", ("number_rule.min_digits", "number_rule.max_digits", "number_rule.last_digits")
)
API_CLIENT = Group("Connection", ("base_url", "client_id", "client_secret"))
OWN_CERTIFICATE = Group("Certificate", ("ca_certificate",), is_folded=True)
LEAVING = Group(
    "When somebody is not there any more",
    ("when_deleted", "when_moved_out", "when_disabled", "when_number_cleared", "removal_scope"),
)
COMING = Group("When somebody is new or back", ("add_missing", "adoption", "reenabling"))
DEPARTMENTS = Group(
    "Departments (groups)", ("add_to_departments", "create_missing_departments", "department_mode")
)
SCHEDULE = Group("", ("is_enabled", "mode", "every_minutes", "times", "time_zone"))

TABS: tuple[Tab, ...] = (
    Tab(
        "directory",
        "Active Directory",
        Section.DIRECTORY,
        "Where people are read from, and as whom. Rollcall never writes there.",
        (
            CONNECTION,
            CERTIFICATE,
            Group(
                "Which attribute gives what",
                (
                    "attributes.number",
                    "attributes.first_name",
                    "attributes.last_name",
                    "attributes.display_name",
                    "attributes.email",
                    "attributes.mobile",
                    "mobile_country",
                    "attributes.department",
                ),
            ),
            NUMBER_RULE,
            Group("Only some of the people", ("filter", "required_group"), is_folded=True),
            Group(
                "Fine tuning",
                ("page_size", "connect_timeout_seconds", "receive_timeout_seconds"),
                is_folded=True,
            ),
        ),
        "directory",
    ),
    Tab(
        "units",
        "Organizational units",
        Section.DIRECTORY,
        "Whose people have extensions. Somebody in several units belongs to the first; new extensions are made like "
        "its template.",
        (Group("", ("units",)),),
        "directory",
    ),
    Tab(
        "exclude",
        "Exclude extensions",
        Section.RULES,
        "People and extensions that Rollcall leaves alone, and numbers that it gives to nobody.",
        (Group("", ("exclusions",)), Group("Reserved numbers", ("reserved_numbers",))),
    ),
    Tab("rules", "Rules", Section.RULES, "What happens to whose extension.", (LEAVING, COMING, DEPARTMENTS)),
    Tab(
        "limits",
        "Limits",
        Section.LIMITS,
        "A plan waits for a person when it goes above both figures of a line, for the site or for one unit.",
        (
            Group("Removals", ("removals", "removals_percent")),
            Group("Disablings", ("disables", "disables_percent")),
            Group("Changes", ("updates", "updates_percent")),
            Group("People missing", ("people_down_percent",)),
        ),
    ),
    Tab(
        "schedule",
        "Schedule",
        Section.SCHEDULE,
        "When runs start by themselves. Times in this console are shown in the same time zone.",
        (SCHEDULE,),
    ),
    Tab(
        "phone-system",
        "Phone system",
        Section.PHONE_SYSTEM,
        "The 3CX V20 phone system, and the API client that Rollcall is there.",
        (
            API_CLIENT,
            OWN_CERTIFICATE,
            Group("Fine tuning", ("allowed_roles", "concurrency", "timeout_seconds"), is_folded=True),
        ),
        "phone_system",
    ),
    Tab(
        "archive",
        "Archive",
        Section.ARCHIVE,
        "Voicemails and recordings of a leaver go to another extension before theirs is deleted.",
        (
            Group("", ("is_enabled", "extension", "voicemails", "recordings")),
            Group("Fine tuning", ("keep_backup", "accept_missing"), is_folded=True),
        ),
    ),
    Tab(
        "relay",
        "Relay",
        Section.RELAY,
        "The small program on the phone system's host that moves voicemails and recordings. It prints its public key "
        "and a pairing code at its first start.",
        (
            Group("", ("host", "port", "public_key")),
            Group("Fine tuning", ("timeout_seconds",), is_folded=True),
        ),
        "relay",
    ),
    Tab(
        "password",
        "Password",
        Section.SIGN_IN,
        "With what people sign in to this console, and who may do what. Accounts of Rollcall's own always work, so "
        "that nobody is locked out when the phone system or the directory is away.",
        (
            Group("Password", ("password_type",)),
            Group("Rights", ("managers", "manager_roles", "operators", "others_may_view")),
        ),
    ),
    Tab(
        "site",
        "Site settings",
        Section.BRANDING,
        "How this console looks to everybody: your logo, your name, your colours.",
        (Group("", ("logo", "title_prefix", "header_top", "header_bottom", "grid")),),
    ),
)
# Made by Rollcall itself, so no form shows them.
MADE_BY_ROLLCALL = {(Section.RELAY, "signing_key")}
BY_SLUG: Mapping[str, Tab] = {tab.slug: tab for tab in TABS}

# Names of fields that their place in the document does not say well enough.
_LABELS: Mapping[str, str] = {
    "ca_certificate": "CA certificate",
    "public_key": "Public key of the relay",
    "managers": "Extensions of managers",
    "manager_roles": "Roles in 3CX whose holders are managers",
    "operators": "Extensions of operators",
    "others_may_view": "Let everybody else look",
    "keep_backup": "Keep a backup too",
    "accept_missing": "Accept audio that is missing",
    "tls_name": "Name in the certificate",
    "allow_plain": "Send the password without encryption",
    "filter": "LDAP filter",
    "attributes.number": "Extension number",
    "attributes.email": "E-mail",
    "mobile_country": "Country of mobile numbers",
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
    "every_minutes": "Minutes between runs",
    "times": "Times of day",
    "mode": "How often",
    "kind": "Compare",
    "value": "Filter text",
    "title_prefix": "Header title prefix",
    "header_top": "Header, top",
    "header_bottom": "Header, bottom",
    "grid": "Heads of tables",
}
_ENABLED: Mapping[Section, str] = {
    Section.SCHEDULE: "Start runs by themselves",
    Section.ARCHIVE: "Archive before deleting",
}
# An empty text leaves what the choices say by themselves.
_HELP: Mapping[tuple[Section, str], str] = {
    (Section.DIRECTORY, "servers"): "Domain controllers in order of preference: host, or host:port.",
    (Section.DIRECTORY, "security"): "LDAPS or StartTLS protect the password on its way.",
    (Section.DIRECTORY, "user"): "Such as rollcall@corp.example or CORP\\rollcall. It only needs to read.",
    (Section.DIRECTORY, "password"): "Stored encrypted, and never shown again.",
    (Section.DIRECTORY, "authentication"): "Simple is right with LDAPS and StartTLS.",
    (Section.DIRECTORY, "ca_certificate"): "The certificate of your own CA, when it signed the controllers'.",
    (Section.DIRECTORY, "allow_plain"): "Only with security None, and only in a laboratory.",
    (Section.DIRECTORY, "required_group"): "Distinguished name of a group; its groups' members count too.",
    (Section.DIRECTORY, "page_size"): "Entries that a controller sends at once.",
    (Section.PHONE_SYSTEM, "base_url"): "As in the browser, without a path: https://pbx.example.com:5001",
    (Section.PHONE_SYSTEM, "client_id"): "Of the API client made in 3CX under Integrations > API.",
    (Section.PHONE_SYSTEM, "client_secret"): "The API key that 3CX showed once. Stored encrypted.",
    (Section.PHONE_SYSTEM, "ca_certificate"): "Of a private CA; empty trusts the usual ones.",
    (Section.PHONE_SYSTEM, "allowed_roles"): "A template's role outside this list becomes “users”.",
    (Section.RULES, "when_deleted"): "The person was deleted from Active Directory.",
    (Section.RULES, "when_moved_out"): "The person left the units, the filter or the group.",
    (Section.RULES, "department_mode"): "Of a person whose attribute says another department than before.",
    (Section.RULES, "add_to_departments"): "Which one, the attribute of the department says.",
    (Section.RULES, "create_missing_departments"): "Departments that 3CX does not have are made.",
    (Section.RULES, "removal_scope"): "Managed are extensions that Rollcall knows the person of.",
    (Section.RULES, "adoption"): "When an extension that was there before becomes a person's.",
    (Section.RULES, "reenabling"): "Of somebody whose account is enabled again.",
    (Section.SCHEDULE, "is_enabled"): "Otherwise only Run now starts one.",
    (Section.SCHEDULE, "mode"): "",
    (Section.SCHEDULE, "every_minutes"): "From 1 to 1440, counted from midnight.",
    (Section.SCHEDULE, "times"): "HH:MM, such as 07:30, in the time zone below.",
    (Section.SCHEDULE, "time_zone"): "Such as Europe/Berlin or America/Denver.",
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
    "password_type": {
        "own": "Own password of Rollcall",
        "voicemail_pin": "Extension and voicemail PIN",
        "directory": "Extension and directory password",
    },
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


def tab_title(section: Section, name: str) -> str:
    """The title of the tab that shows a field."""
    return next((tab.title for tab in TABS if tab.section is section and name in tab.fields), section.value)


def help_of(section: Section, field: Field) -> str:
    """What is said below a field, in the console's words where the document's speak of raw values."""
    return _HELP.get((section, field.name), field.help)


def choice(name: str, value: str) -> str:
    """What a choice is called."""
    return _CHOICES.get(name, {}).get(value) or value.replace("_", " ").capitalize()
