"""The settings of a site: one pydantic model per section, validated whole, stored as versioned documents.

Every text an administrator reads about a setting stands beside it. ``to_rules`` and ``to_limits`` give the
planner plain values. Secrets are ``SecretStr``: the store encrypts them, the API never gives them back.
"""

import base64
import re
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from shared.domain.emergency_numbers import EMERGENCY_NUMBERS
from shared.domain.rules import (
    Adoption,
    ArchiveRule,
    DepartmentMode,
    Exclusion,
    ExclusionKind,
    Limits,
    Outcome,
    Reenabling,
    RemovalScope,
    Rules,
    UnitRule,
)
from shared.values.e164 import is_country
from shared.values.expression import Expression, UnsupportedExpression

ExtensionNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{2,10}$")]
NumberOrRange = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}(-[0-9]{1,10})?$")]
AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=64)]
DistinguishedName = Annotated[str, StringConstraints(min_length=3, max_length=2048, strip_whitespace=True)]


class Section(StrEnum):
    """The sections of a site's settings, each one document with its own versions."""

    DIRECTORY = "directory"
    PHONE_SYSTEM = "phone_system"
    RULES = "rules"
    LIMITS = "limits"
    SCHEDULE = "schedule"
    ARCHIVE = "archive"
    RELAY = "relay"
    SIGN_IN = "sign_in"
    BRANDING = "branding"


class Document(BaseModel):
    """Base of every section: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Security(StrEnum):
    """How the connection to a domain controller is protected."""

    LDAPS = "ldaps"
    STARTTLS = "starttls"
    PLAIN = "plain"


class Authentication(StrEnum):
    """How Rollcall signs in to the directory."""

    SIMPLE = "simple"
    NTLM = "ntlm"
    KERBEROS = "kerberos"


class UnitSettings(Document):
    """One organizational unit to read, with the extension that new ones are modelled on."""

    dn: DistinguishedName = Field(description="Distinguished name, e.g. OU=Sales,DC=corp,DC=example.")
    template_extension: ExtensionNumber | None = Field(
        None, description="Extension whose settings new extensions of this unit are given."
    )

    @field_validator("dn")
    @classmethod
    def _is_a_distinguished_name(cls, value: str) -> str:
        # A first look only, so that a slip is caught when saving; the directory has the last word.
        if not re.match(r"^[A-Za-z][A-Za-z0-9.-]*\s*=\s*[^,]", value) or re.search(r",\s*(,|$)", value):
            raise ValueError(
                f"'{value}' is not a distinguished name; it looks like OU=Sales,DC=corp,DC=example"
            )
        return value


class NumberRule(Document):
    """How an extension number is found in the number attribute (docs/numbers.md)."""

    min_digits: int = Field(2, ge=2, le=10, description="Shortest extension number.")
    max_digits: int = Field(5, ge=2, le=10, description="Longest extension number.")
    last_digits: int | None = Field(
        None,
        ge=2,
        le=10,
        description="Take this many last digits of a full phone number that names no extension; off when empty.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "NumberRule":
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits is greater than max_digits")
        if self.last_digits is not None and not self.min_digits <= self.last_digits <= self.max_digits:
            raise ValueError("last_digits must lie between min_digits and max_digits")
        return self


class AttributeSettings(Document):
    """Which attribute of the directory gives which field."""

    number: AttributeName = Field("telephoneNumber", description="Holds the extension number.")
    first_name: AttributeName = Field("givenName", description="Gives the first name.")
    last_name: AttributeName = Field("sn", description="Gives the last name.")
    display_name: AttributeName = Field(
        "displayName", description="Shown in messages for people without first and last name."
    )
    email: AttributeName = Field("mail", description="Gives the e-mail address.")
    mobile: AttributeName = Field("mobile", description="Gives the mobile number.")
    department: AttributeName | None = Field("department", description="Gives the 3CX department, if any.")


class DirectorySettings(Document):
    """The Active Directory side: where, as whom, which units, which attributes."""

    servers: tuple[
        Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)], ...
    ] = Field((), description="Domain controllers in order of preference, each host or host:port.")
    security: Security = Field(
        Security.LDAPS, description="ldaps (636), starttls (389) or plain (389, not encrypted)."
    )
    allow_plain: bool = Field(
        False, description="Must be set as well before a password is sent without encryption. Do not."
    )
    ca_certificate: str = Field("", description="PEM of the CA that signed the controllers' certificates.")
    tls_name: str = Field("", description="Name expected in the certificate when it differs from the host.")
    authentication: Authentication = Field(
        Authentication.SIMPLE, description="simple (over TLS), ntlm, or kerberos (needs the extra)."
    )
    user: str = Field("", description="rollcall@corp.example, CORP\\rollcall or a distinguished name.")
    password: SecretStr = Field(SecretStr(""), description="Its password; stored encrypted.")
    units: tuple[UnitSettings, ...] = Field(
        (), description="Organizational units; the first that holds a person wins."
    )
    filter: str = Field("", description="Additional LDAP filter, e.g. (company=Example).")
    required_group: str = Field("", description="DN of a group one must be in, directly or nested.")
    attributes: AttributeSettings = Field(
        AttributeSettings(), description="Which attribute gives which field."
    )
    number_rule: NumberRule = Field(NumberRule(), description="How a number is found in the attribute.")
    mobile_country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        None,
        description="Country of mobile numbers that name none, such as DE: all are then written as +49…; off when empty.",
    )
    page_size: int = Field(1000, ge=10, le=1000, description="Entries per LDAP page.")
    connect_timeout_seconds: float = Field(
        10.0, gt=0, le=120, description="How long to wait for a controller before the next is tried."
    )
    receive_timeout_seconds: float = Field(60.0, gt=0, le=600, description="How long one answer may take.")

    @field_validator("filter")
    @classmethod
    def _filter_has_brackets(cls, value: str) -> str:
        value = value.strip()
        if value and not (
            value.startswith("(") and value.endswith(")") and value.count("(") == value.count(")")
        ):
            raise ValueError("an LDAP filter stands in brackets, e.g. (company=Example)")
        return value

    @field_validator("mobile_country")
    @classmethod
    def _has_a_numbering_plan(cls, value: str | None) -> str | None:
        if value is not None and not is_country(value):
            raise ValueError(f"'{value}' is not a country's two letters, such as DE or US")
        return value

    @field_validator("units")
    @classmethod
    def _each_unit_once(cls, units: tuple[UnitSettings, ...]) -> tuple[UnitSettings, ...]:
        seen: set[str] = set()
        for unit in units:
            if unit.dn.lower() in seen:
                raise ValueError(f"the organizational unit {unit.dn} is listed twice")
            seen.add(unit.dn.lower())
        return units

    @model_validator(mode="after")
    def _plain_is_said_twice(self) -> "DirectorySettings":
        if self.security is Security.PLAIN and not self.allow_plain:
            raise ValueError(
                "security 'plain' sends the password readable over the network; use ldaps or starttls "
                "(or set allow_plain, in a laboratory)"
            )
        return self


class PhoneSystemSettings(Document):
    """The 3CX side: where, as which API client, how hard it may be worked."""

    base_url: str = Field("", description="https://pbx.example.com:5001, without a path.")
    client_id: str = Field(
        "", description="Client ID of the API client made in 3CX under Integrations > API."
    )
    client_secret: SecretStr = Field(SecretStr(""), description="Its key, shown by 3CX once.")
    ca_certificate: str = Field("", description="PEM of a private CA; empty trusts the system's.")
    timeout_seconds: float = Field(30.0, gt=0, le=300, description="How long one answer may take.")
    concurrency: int = Field(
        8, ge=1, le=32, description="Requests at once; lowered by itself when 3CX is busy."
    )
    allowed_roles: tuple[str, ...] = Field(
        ("users",), description="Roles that may be copied from a template; any other becomes 'users'."
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        value = value.strip().rstrip("/")
        if not value:
            return value
        parts = urlsplit(value)
        loopback = parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.path or parts.query:
            raise ValueError("base_url looks like https://pbx.example.com:5001, without a path")
        if parts.scheme == "http" and not loopback:
            raise ValueError("base_url must be https; http would send the client secret readable")
        return value

    @field_validator("allowed_roles")
    @classmethod
    def _no_internal_roles(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        for role in roles:
            if role in ("system", "observers"):
                raise ValueError(f"'{role}' is an internal role of 3CX and cannot be given to people")
        return roles


class ExclusionSettings(Document):
    """People or extensions left alone altogether."""

    kind: ExclusionKind = Field(description="How the value is compared: with names, or with numbers.")
    value: Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)] = Field(
        description="A name, part of one, a pattern such as Test*, an expression, or numbers such as 200-299."
    )

    @model_validator(mode="after")
    def _value_fits_the_kind(self, info: ValidationInfo) -> "ExclusionSettings":
        # What an earlier release has stored stays readable, so that it can be corrected; a run says what is wrong.
        if self.kind is ExclusionKind.REGEX and not (info.context or {}).get("is_stored"):
            try:
                Expression(self.value)
            except UnsupportedExpression as error:
                raise ValueError(
                    f"'{self.value}' is not a regular expression that can be used: {error}"
                ) from error
        if self.kind is ExclusionKind.NUMBERS:
            match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", self.value)
            if match is None or (match[2] is not None and int(match[1]) > int(match[2])):
                raise ValueError(f"'{self.value}' is not a number or a range such as 200-299")
        return self


class RulesSettings(Document):
    """What happens to whose extension."""

    when_deleted: Outcome = Field(Outcome.DELETE, description="The person was deleted from the directory.")
    when_moved_out: Outcome = Field(Outcome.DISABLE, description="Moved out of the units, filter or group.")
    when_disabled: Outcome = Field(Outcome.DISABLE, description="The account is disabled or expired.")
    when_number_cleared: Outcome = Field(Outcome.DISABLE, description="The number attribute was emptied.")
    add_missing: bool = Field(True, description="Create extensions for people who have none.")
    add_to_departments: bool = Field(
        False, description="Put extensions into the department of the attribute."
    )
    create_missing_departments: bool = Field(False, description="Create departments 3CX does not have.")
    department_mode: DepartmentMode = Field(
        DepartmentMode.ADD, description="add, or follow (leave the old one)."
    )
    removal_scope: RemovalScope = Field(
        RemovalScope.MANAGED, description="managed: only extensions of known people."
    )
    adoption: Adoption = Field(
        Adoption.SAME_NAME, description="When an existing extension becomes a person's."
    )
    reenabling: Reenabling = Field(
        Reenabling.DISABLED_BY_ROLLCALL, description="Which extensions are enabled again."
    )
    exclusions: tuple[ExclusionSettings, ...] = Field(
        (),
        description="People and extensions left alone: by name (exact, contains, wildcard, regex) or numbers.",
    )
    reserved_numbers: tuple[NumberOrRange, ...] = Field(
        EMERGENCY_NUMBERS,
        description="Numbers that nobody is given, each one or a range such as 900-999; as installed, emergency numbers.",
    )

    @field_validator("reserved_numbers")
    @classmethod
    def _ranges_go_up(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for item in numbers:
            first, _dash, last = item.partition("-")
            if last and (len(first) != len(last) or first > last):
                raise ValueError(f"'{item}' is not a range of numbers of one length, such as 900-999")
        return numbers


class LimitsSettings(Document):
    """When a plan waits for a person: above both the count and the percentage."""

    removals: int = Field(5, ge=0, description="Extensions removed by one plan.")
    removals_percent: float = Field(5.0, ge=0, le=100, description="The same, of the managed extensions.")
    disables: int = Field(10, ge=0, description="Extensions disabled by one plan.")
    disables_percent: float = Field(10.0, ge=0, le=100, description="The same, of the managed extensions.")
    updates: int = Field(10, ge=0, description="Extensions changed by one plan.")
    updates_percent: float = Field(30.0, ge=0, le=100, description="The same, of the managed extensions.")
    people_down_percent: float = Field(
        10.0, ge=0, le=100, description="People fewer than at the last good run, in a unit or in all."
    )


@cache
def _time_zones() -> frozenset[str]:
    # It goes through every file of the time zone database: 19 ms, which every reading of settings would pay.
    return frozenset(available_timezones())


class ScheduleSettings(Document):
    """When runs start by themselves."""

    is_enabled: bool = Field(False, description="Whether runs start by themselves.")
    mode: Literal["every", "times"] = Field("every", description="Every so many minutes, or at times of day.")
    every_minutes: int = Field(15, ge=1, le=1440, description="For mode every; counted from midnight.")
    times: tuple[Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")], ...] = Field(
        ("02:00",), description="For mode times; HH:MM in the time zone."
    )
    time_zone: str = Field("UTC", description="IANA name such as Europe/Berlin.")

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(f"'{value}' is not a time zone; names look like Europe/Berlin or America/Denver")
        ZoneInfo(value)
        return value

    @model_validator(mode="after")
    def _can_ever_be_due(self) -> "ScheduleSettings":
        if self.is_enabled and self.mode == "times" and not self.times:
            raise ValueError("mode 'times' needs at least one time of day")
        return self


class ArchiveSettings(Document):
    """Where voicemails and recordings go before an extension is deleted."""

    is_enabled: bool = Field(
        False, description="Archive before deleting; without a proven archive nothing is."
    )
    extension: ExtensionNumber | None = Field(
        None, description="Extension that receives them; never removed. Not needed without a relay."
    )
    voicemails: bool = Field(True, description="Archive voicemails; needs the relay.")
    recordings: bool = Field(
        True, description="Archive recordings; without a relay they are downloaded to Rollcall's host."
    )
    keep_backup: bool = Field(
        False, description="Also keep a dated backup on the phone system's host; needs the relay."
    )
    accept_missing: bool = Field(
        False, description="Let an extension go although some of its audio files were lost before already."
    )

    @model_validator(mode="after")
    def _has_something_to_archive(self) -> "ArchiveSettings":
        if self.is_enabled and not (self.voicemails or self.recordings):
            raise ValueError("archiving needs voicemails, recordings or both; or turn it off")
        return self


class RelaySettings(Document):
    """The relay on the phone system's host, which moves voicemails and recordings (docs/relay.md)."""

    host: str = Field("", max_length=253, description="Name or address of the phone system's host.")
    port: int = Field(8801, ge=1, le=65535, description="Where the relay listens.")
    public_key: str = Field("", description="As rollcall-relay prints it at its start.")
    signing_key: SecretStr = Field(
        SecretStr(""), description="Rollcall's own key, made by pairing; not to be typed."
    )
    timeout_seconds: float = Field(30.0, gt=0, le=300, description="How long one answer may take.")

    @property
    def is_configured(self) -> bool:
        """Whether there is a relay to ask."""
        return bool(self.host and self.public_key)

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        value = value.strip()
        if value and not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
            raise ValueError("host is a name or an address alone, such as pbx.example.com")
        return value

    @field_validator("public_key")
    @classmethod
    def _is_a_public_key(cls, value: str) -> str:
        value = "".join(value.split())
        try:
            if value:
                load_der_public_key(base64.b64decode(value, validate=True))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError(
                "public_key is not a public key; paste the line that rollcall-relay prints"
            ) from error
        return value


class PasswordType(StrEnum):
    """With what people sign in to the console."""

    OWN = "own"
    VOICEMAIL_PIN = "voicemail_pin"
    DIRECTORY = "directory"


class SignInSettings(Document):
    """Who may sign in to the console, and with which password. Those of site default count for all sites."""

    password_type: PasswordType = Field(
        PasswordType.OWN,
        description="With what people sign in: an account and password of Rollcall's own, their extension and its "
        "voicemail PIN, or their extension and the password of their directory account. Own accounts always work.",
    )
    managers: tuple[ExtensionNumber, ...] = Field(
        (), description="Extensions whose people may change everything, settings and accounts too."
    )
    manager_roles: tuple[str, ...] = Field(
        (),
        description="Roles in 3CX, such as system_owners or system_admins, whose holders are managers here as well.",
    )
    operators: tuple[ExtensionNumber, ...] = Field(
        (), description="Extensions whose people may start, approve and reject runs."
    )
    others_may_view: bool = Field(
        False, description="Whether everybody else with an extension may look, without changing anything."
    )

    @field_validator("manager_roles")
    @classmethod
    def _are_roles_of_people(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        for role in roles:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", role):
                raise ValueError(
                    f"'{role[:50]}' is not a role's name in 3CX; they look like system_owners or group_admins"
                )
            if role == "users":
                raise ValueError("everybody has the role 'users'; name a role that few have")
        return roles


class BrandingSettings(Document):
    """How the console looks. Uploaded pictures are stored apart. What site default says is shown."""

    logo: str = Field("", description="Name of an uploaded picture; empty is Rollcall's own mark.")
    title_prefix: str = Field("", max_length=60, description="Stands before the name in the header.")
    header_top: str = Field("#1d2b45", description="Colour of the header at its top, as #rrggbb.")
    header_bottom: str = Field("#16213a", description="Colour of the header at its bottom, as #rrggbb.")
    grid: str = Field("#f8fafc", description="Colour of the heads of tables, as #rrggbb.")

    @field_validator("header_top", "header_bottom", "grid")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        value = value.strip().lower()
        if not re.fullmatch(r"#[0-9a-f]{6}", value):
            raise ValueError("a colour is written #rrggbb, such as #1d2b45")
        return value

    @field_validator("title_prefix")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        return " ".join(value.split())

    @field_validator("logo")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-f]{12}", value):
            raise ValueError("logo is the name of an uploaded picture, or empty")
        return value


SECTION_MODELS: dict[Section, type[Document]] = {
    Section.DIRECTORY: DirectorySettings,
    Section.PHONE_SYSTEM: PhoneSystemSettings,
    Section.RULES: RulesSettings,
    Section.LIMITS: LimitsSettings,
    Section.SCHEDULE: ScheduleSettings,
    Section.ARCHIVE: ArchiveSettings,
    Section.RELAY: RelaySettings,
    Section.SIGN_IN: SignInSettings,
    Section.BRANDING: BrandingSettings,
}


class SiteSettings(Document):
    """All sections of one site; a section never saved has its defaults."""

    directory: DirectorySettings = DirectorySettings()
    phone_system: PhoneSystemSettings = PhoneSystemSettings()
    rules: RulesSettings = RulesSettings()
    limits: LimitsSettings = LimitsSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    archive: ArchiveSettings = ArchiveSettings()
    relay: RelaySettings = RelaySettings()
    sign_in: SignInSettings = SignInSettings()
    branding: BrandingSettings = BrandingSettings()

    def contradiction(self) -> tuple[str, str] | None:
        """Where and why sections, each right alone, cannot be used together; ``None`` when they can."""
        archive = self.archive
        if not archive.is_enabled:
            return None
        if self.relay.is_configured:
            if archive.extension is None:
                return "archive.extension", "archiving needs the extension that receives what is archived"
            return None
        if archive.voicemails or archive.keep_backup:
            return "archive.is_enabled", (
                "voicemails and backups need the relay on the phone system's host. Set relay.host and relay.public_key "
                "first, or archive recordings only"
            )
        return None

    def to_rules(self) -> Rules:
        """The decisions as plain values for the planner."""
        rules = self.rules
        return Rules(
            units=tuple(UnitRule(unit.dn, unit.template_extension) for unit in self.directory.units),
            when_deleted=rules.when_deleted,
            when_moved_out=rules.when_moved_out,
            when_disabled=rules.when_disabled,
            when_number_cleared=rules.when_number_cleared,
            add_missing=rules.add_missing,
            add_to_departments=rules.add_to_departments,
            create_missing_departments=rules.create_missing_departments,
            department_mode=rules.department_mode,
            removal_scope=rules.removal_scope,
            adoption=rules.adoption,
            reenabling=rules.reenabling,
            exclusions=tuple(Exclusion(item.kind, item.value) for item in rules.exclusions),
            archive=ArchiveRule(
                self.archive.extension or "", self.archive.voicemails, self.archive.recordings
            )
            if self.archive.is_enabled
            else None,
            moves_with_number=self.relay.is_configured,
            protected_numbers=(self.archive.extension,) if self.archive.extension else (),
            reserved_numbers=rules.reserved_numbers,
        )

    def to_limits(self) -> Limits:
        """The guards' limits as plain values."""
        return Limits(**self.limits.model_dump())
