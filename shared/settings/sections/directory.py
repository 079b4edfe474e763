"""Active Directory: the connection, the organizational units, and which attribute gives what."""

import re
from typing import Annotated

from pydantic import SecretStr, StringConstraints, ValidationInfo, field_validator, model_validator

from shared.domain.choice import Choice
from shared.domain.further import FURTHER
from shared.language import declared, phrase
from shared.mapping.mapping import compile_mapping
from shared.settings.declaration import REQUIRED, Destination, Document, Group, sent_to, setting, wrong
from shared.settings.sections.types import (
    AttributeOrExpression,
    Certificate,
    CountryCode,
    ExtensionNumber,
    Text,
    WideText,
    is_distinguished_name,
)
from shared.values.e164 import is_country
from shared.values.hosts import is_address_with_port, is_host

# A label of DNS, as the names of sites are (MS-ADTS 6.1.1.2.2.1).
SiteName = Annotated[
    str, StringConstraints(max_length=63, strip_whitespace=True, pattern=r"^([A-Za-z0-9_]([A-Za-z0-9_-]*))?$")
]
IS_NUMBER = re.compile(r"[0-9]{2,10}")
CONNECTION = Group("Connection")
SIGNING_IN = Group("Certificate and sign-in", is_folded=True)
UNITS = Group("")
NUMBER = Group("Extension number")
NUMBER_RULE = Group("How a number is read")
ATTRIBUTES = Group("Other attributes")
FURTHER_FIELDS = Group("Further fields of 3CX", is_folded=True)
SELECTION = Group("Limit to some people", is_folded=True)
ADVANCED = Group("Advanced", is_folded=True)


class Security(Choice):
    """How the connection to a domain controller is protected."""

    LDAPS = "ldaps", "LDAPS (port 636)"
    STARTTLS = "starttls", "StartTLS (port 389)"
    PLAIN = "plain", "None (port 389)"


class Authentication(Choice):
    """How Rollcall signs in to the directory."""

    SIMPLE = "simple", "Simple"
    NTLM = "ntlm", "NTLM"
    KERBEROS = "kerberos", "Kerberos"


class Memberships(Choice):
    """Which queues and ring groups a new extension joins."""

    NONE = "none", "None"
    LIKE_TEMPLATE = "like_template", "Those of the template"


class DisabledAccounts(Choice):
    """What an account that is disabled means in an organizational unit."""

    LEAVER = "leaver", "Treated as leavers"
    ACTIVE = "active", "Treated as active"


class UnitSettings(Document):
    """One organizational unit to read, with the template for its new extensions."""

    dn: Annotated[str, StringConstraints(min_length=3, max_length=2048, strip_whitespace=True)] = setting(
        REQUIRED, "Distinguished name", "Of the organizational unit, e.g. OU=Sales,DC=corp,DC=example."
    )
    template_extension: ExtensionNumber | None = setting(
        None, "Template extension", "New extensions of this unit get its settings; 3CX's defaults when empty."
    )
    template_memberships: Memberships = setting(
        Memberships.NONE,
        "Queues and ring groups",
        "Whether new extensions also join the queues and ring groups that the template extension is in.",
    )
    disabled_accounts: DisabledAccounts = setting(
        DisabledAccounts.LEAVER,
        "Disabled accounts",
        "Whether people whose account is disabled keep an extension, e.g. in a unit of shared or linked mailboxes.",
    )

    @field_validator("dn")
    @classmethod
    def _is_a_distinguished_name(cls, value: str) -> str:
        if not is_distinguished_name(value):
            raise ValueError(
                phrase(
                    "'{value}' is not a distinguished name, e.g. OU=Sales,DC=corp,DC=example.", value=value
                )
            )
        return value


class NumberRule(Document):
    """How an extension number is found in the number attribute (docs/numbers.md)."""

    min_digits: int = setting(
        2, "Minimum digits", "Length of the shortest extension number.", NUMBER_RULE, ge=2, le=10
    )
    max_digits: int = setting(
        5, "Maximum digits", "Length of the longest extension number.", NUMBER_RULE, ge=2, le=10
    )
    last_digits: int | None = setting(
        None, "Use the last N digits of a full number", "Leave empty to turn off.", NUMBER_RULE, ge=2, le=10
    )

    @model_validator(mode="after")
    def _in_order(self) -> "NumberRule":
        if self.min_digits > self.max_digits:
            raise wrong(
                "min_digits",
                phrase("Must not exceed the maximum of {max_digits} digits.", max_digits=self.max_digits),
            )
        if self.last_digits is not None and not self.min_digits <= self.last_digits <= self.max_digits:
            raise wrong(
                "last_digits",
                phrase(
                    "Must be from {min_digits} to {max_digits}, like the digits of an extension number.",
                    min_digits=self.min_digits,
                    max_digits=self.max_digits,
                ),
            )
        return self


class AttributeSettings(Document):
    """Which attribute, or expression over attributes, gives which field (docs/mapping.md)."""

    number: AttributeOrExpression = setting(
        "telephoneNumber",
        "Extension number",
        "Attribute that holds it, or an expression, e.g. first(ipPhone, telephoneNumber).",
        NUMBER,
    )
    first_name: AttributeOrExpression = setting(
        "givenName", "First name", "Attribute or expression, e.g. title(givenName).", ATTRIBUTES
    )
    last_name: AttributeOrExpression = setting("sn", "Last name", "Attribute or expression.", ATTRIBUTES)
    display_name: AttributeOrExpression = setting(
        "displayName", "Display name", "Shown in messages for people without first and last name.", ATTRIBUTES
    )
    email: AttributeOrExpression = setting("mail", "E-mail", "Attribute or expression.", ATTRIBUTES)
    mobile: AttributeOrExpression = setting(
        "mobile", "Mobile", 'Attribute or expression, e.g. e164(mobile, "DE").', ATTRIBUTES
    )
    department: AttributeOrExpression | None = setting(
        "department",
        "Department",
        'What gives the name of the 3CX department, if any, e.g. table(department, {"IT": "Support"}).',
        ATTRIBUTES,
    )
    caller_id: AttributeOrExpression | None = setting(
        None,
        "Outbound caller ID",
        'Attribute or expression, e.g. e164(telephoneNumber, "DE"). Left to 3CX when empty.',
        FURTHER_FIELDS,
    )
    language: AttributeOrExpression | None = setting(
        None,
        "Language",
        'Attribute or expression, e.g. c in ["DE", "AT"] ? "DE" : "EN". Left to 3CX when empty.',
        FURTHER_FIELDS,
    )
    emergency_info: AttributeOrExpression | None = setting(
        None,
        "Emergency information",
        "Where the person sits, e.g. physicalDeliveryOfficeName. Left to 3CX when empty.",
        FURTHER_FIELDS,
    )
    template: AttributeOrExpression | None = setting(
        None,
        "Template extension",
        'For new extensions, e.g. table(department, {"Sales": "901"}, ""). The OU\'s template when it gives nothing.',
        FURTHER_FIELDS,
    )

    def further(self) -> tuple[str, ...]:
        """The further fields that are managed."""
        return tuple(name for name in FURTHER if getattr(self, name))

    def templates(self) -> tuple[str, ...]:
        """The extensions that the expression for the template names, whoever they are for."""
        if not self.template:
            return ()
        return tuple(filter(IS_NUMBER.fullmatch, compile_mapping(self.template).literals))


def global_catalog(server: str) -> str:
    """Why the address of a controller cannot be used, when it is one of the Global Catalog; else empty."""
    usual, is_refused = re.subn(r":326[89]/?$", "", server.strip())
    if not is_refused:
        return ""
    return phrase(
        (
            "'{server}' is a port of the Global Catalog, which holds only some of the attributes: "
            "numbers would seem to be missing; enter '{usual}' without the port (636 for LDAPS, 389 for "
            "StartTLS)"
        ),
        server=server.strip(),
        usual=usual,
    )


def domain_of(distinguished_name: str) -> str:
    """The domain that a name is in, as in DNS: ``corp.example``; empty when it names none."""
    return ".".join(re.findall(r"(?:^|(?<=,))\s*DC\s*=\s*([^,]+)", distinguished_name, re.IGNORECASE)).lower()


class DirectorySettings(Document):
    """Where people are read from, and with which account. Rollcall writes only assigned numbers to Active Directory, and only if you turn that on."""

    name: Annotated[str, StringConstraints(max_length=80, strip_whitespace=True)] = setting(
        "", "Name", "Name of this directory in messages when there are several, e.g. corp.example."
    )
    servers: tuple[Text, ...] = setting(
        (),
        "Servers",
        "The domain, e.g. corp.example, whose controllers are found by DNS; or controllers in order of preference: host, or "
        "host:port.",
        CONNECTION,
    )
    security: Security = setting(
        Security.LDAPS, "Security", "LDAPS and StartTLS encrypt the connection.", CONNECTION
    )
    ca_certificate: Certificate = setting(
        "",
        "CA certificate",
        "In PEM format, if your own CA signed the controllers' certificates.",
        SIGNING_IN,
    )
    tls_name: str = setting(
        "", "Name in the certificate", "If it differs from the server's name.", SIGNING_IN
    )
    authentication: Authentication = setting(
        Authentication.SIMPLE,
        "Authentication",
        "Use Simple with LDAPS and StartTLS. Kerberos needs an extra package.",
        SIGNING_IN,
    )
    allow_plain: bool = setting(
        False,
        "Send the password without encryption",
        "Required for security None. For test networks only.",
        SIGNING_IN,
    )
    user: str = setting(
        "", "User", "E.g. rollcall@corp.example or CORP\\rollcall. Read access is enough.", CONNECTION
    )
    password: SecretStr = setting(
        SecretStr(""), "Password", "Stored encrypted and never shown again.", CONNECTION
    )
    units: tuple[UnitSettings, ...] = setting(
        (), "Organizational units", "A person in several units belongs to the first.", UNITS
    )
    filter: WideText = setting(
        "", "LDAP filter", "Additional filter for people, e.g. (company=Example).", SELECTION
    )
    required_group: WideText = setting(
        "", "Required group", "Distinguished name. Only members count, direct or nested.", SELECTION
    )
    attributes: AttributeSettings = setting(
        AttributeSettings(), "Attributes", "Which attribute gives which field."
    )
    number_rule: NumberRule = setting(NumberRule(), "Number rule", "How a number is found in the attribute.")
    mobile_country: CountryCode | None = setting(
        None,
        "Country of mobile numbers",
        "Two letters, e.g. DE. Mobile numbers then become international (+49…); they stay as they are when empty.",
        ATTRIBUTES,
    )
    site: SiteName = setting(
        "",
        "Active Directory site",
        "Its controllers are asked first when a domain is given as server. Detected automatically when empty.",
        ADVANCED,
    )
    name_servers: tuple[Text, ...] = setting(
        (),
        "Name servers",
        "IP addresses of the domain's DNS servers, if those of Rollcall's host do not know the domain.",
        ADVANCED,
    )
    page_size: int = setting(
        1000, "Page size", "Entries per LDAP page.", ADVANCED, unit="entries", ge=10, le=1000
    )
    connect_timeout_seconds: float = setting(
        10.0,
        "Connection timeout",
        "Then the next controller is tried.",
        ADVANCED,
        unit="seconds",
        gt=0,
        le=120,
    )
    receive_timeout_seconds: float = setting(
        60.0, "Response timeout", "Maximum wait for one response.", ADVANCED, unit="seconds", gt=0, le=600
    )
    controller_agreement_hours: int = setting(
        24,
        "Wait for a controller that may be behind",
        "After this time with the same result in every run, its data is used.",
        ADVANCED,
        unit="hours",
        ge=1,
        le=720,
    )

    @property
    def destinations(self) -> frozenset[Destination]:
        """Each controller with the security of the connection, and what its certificate is checked against."""
        proof = f"{self.tls_name.lower()} {self.ca_certificate}"
        return frozenset(
            sent_to(f"{server.strip().lower()} ({self.security.label})", proof) for server in self.servers
        )

    @property
    def title(self) -> str:
        """What to call the directory in a sentence: its name, else the domain of its units, else its first server."""
        domains = (domain_of(unit.dn) for unit in self.units)
        return (
            self.name
            or next(filter(None, domains), "")
            or next(iter(self.servers), "")
            or declared("the directory")
        )

    @field_validator("servers")
    @classmethod
    def _no_global_catalog(cls, servers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        # What an earlier release has stored stays readable, so that it can be corrected; the collector refuses it.
        # As they were copied from somewhere: ldaps://dc1.corp.example/
        servers = tuple(re.sub(r"^\w+://", "", server.strip()).rstrip("/") for server in servers)
        for refused in map(global_catalog, servers):
            if refused and not (info.context or {}).get("is_stored"):
                raise ValueError(refused)
        return servers

    @field_validator("name_servers")
    @classmethod
    def _are_addresses(cls, name_servers: tuple[str, ...]) -> tuple[str, ...]:
        for text in name_servers:
            if not is_address_with_port(text):
                raise ValueError(phrase("'{value}' is not an IP address, e.g. 192.0.2.53.", value=text))
        return name_servers

    @field_validator("tls_name")
    @classmethod
    def _is_a_name(cls, value: str, info: ValidationInfo) -> str:
        value = value.strip()
        if value and not is_host(value) and not (info.context or {}).get("is_stored"):
            raise ValueError(declared("Enter a name of the certificate, e.g. dc1.corp.example."))
        return value

    @field_validator("filter")
    @classmethod
    def _filter_has_brackets(cls, value: str) -> str:
        value = value.strip()
        if value and not (
            value.startswith("(") and value.endswith(")") and value.count("(") == value.count(")")
        ):
            raise ValueError(declared("Put the LDAP filter in brackets, e.g. (company=Example)."))
        return value

    @field_validator("mobile_country")
    @classmethod
    def _has_a_numbering_plan(cls, value: str | None) -> str | None:
        if value is not None and not is_country(value):
            raise ValueError(
                phrase(
                    "'{value}' is not the code of a country. Use its two letters, e.g. DE or US.", value=value
                )
            )
        return value

    @field_validator("units")
    @classmethod
    def _each_unit_once(cls, units: tuple[UnitSettings, ...]) -> tuple[UnitSettings, ...]:
        seen: set[str] = set()
        for unit in units:
            if unit.dn.lower() in seen:
                raise ValueError(phrase("The organizational unit {dn} is listed twice.", dn=unit.dn))
            seen.add(unit.dn.lower())
        return units

    @model_validator(mode="after")
    def _plain_is_confirmed(self) -> "DirectorySettings":
        if self.security is Security.PLAIN and not self.allow_plain:
            raise wrong(
                "security",
                declared(
                    "Without encryption the password is readable over the network. Use LDAPS (ldaps) or StartTLS "
                    "(starttls)."
                ),
            )
        return self
