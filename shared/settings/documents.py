"""The settings of a site as a whole: its sections, validated one by one and together, stored as versioned documents.

Each section is declared in ``sections``. ``to_rules`` and ``to_limits`` give the planner plain values. Secrets are
``SecretStr``: the store encrypts them, the API never gives them back.
"""

import re
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain.further import FURTHER
from shared.domain.rules import ArchiveRule, Exclusion, Limits, NumberRange, Rules, UnitRule
from shared.language import declared, phrase
from shared.settings.declaration import Document as Document
from shared.settings.sections.archive import ArchiveSettings as ArchiveSettings
from shared.settings.sections.branding import BrandingSettings as BrandingSettings
from shared.settings.sections.directories import DirectoriesSettings as DirectoriesSettings
from shared.settings.sections.directory import AttributeSettings as AttributeSettings
from shared.settings.sections.directory import Authentication as Authentication
from shared.settings.sections.directory import DirectorySettings as DirectorySettings
from shared.settings.sections.directory import Memberships as Memberships
from shared.settings.sections.directory import NumberRule as NumberRule
from shared.settings.sections.directory import Security as Security
from shared.settings.sections.directory import UnitSettings as UnitSettings
from shared.settings.sections.directory_groups import DirectoryGroupsSettings as DirectoryGroupsSettings
from shared.settings.sections.limits import LimitsSettings as LimitsSettings
from shared.settings.sections.notifications import NotificationsSettings as NotificationsSettings
from shared.settings.sections.phone_system import PhoneSystemSettings as PhoneSystemSettings
from shared.settings.sections.relay import RelaySettings as RelaySettings
from shared.settings.sections.rules import ExclusionSettings as ExclusionSettings
from shared.settings.sections.rules import NumberRangeSettings as NumberRangeSettings
from shared.settings.sections.rules import RulesSettings as RulesSettings
from shared.settings.sections.schedule import ScheduleSettings as ScheduleSettings
from shared.settings.sections.second_factor import RequiredFor as RequiredFor
from shared.settings.sections.second_factor import SecondFactorSettings as SecondFactorSettings
from shared.settings.sections.sign_in import PasswordType as PasswordType
from shared.settings.sections.sign_in import SignInSettings as SignInSettings
from shared.settings.sections.single_sign_on import SingleSignOnSettings as SingleSignOnSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class Section(StrEnum):
    """The sections of a site's settings, each one document with its own versions."""

    DIRECTORY = "directory"
    DIRECTORIES = "directories"
    PHONE_SYSTEM = "phone_system"
    RULES = "rules"
    LIMITS = "limits"
    SCHEDULE = "schedule"
    ARCHIVE = "archive"
    RELAY = "relay"
    NOTIFICATIONS = "notifications"
    SIGN_IN = "sign_in"
    DIRECTORY_GROUPS = "directory_groups"
    SINGLE_SIGN_ON = "single_sign_on"
    SECOND_FACTOR = "second_factor"
    BRANDING = "branding"


class SiteSettings(Document):
    """All sections of one site; a section never saved has its defaults."""

    directory: DirectorySettings = DirectorySettings()
    directories: DirectoriesSettings = DirectoriesSettings()
    phone_system: PhoneSystemSettings = PhoneSystemSettings()
    rules: RulesSettings = RulesSettings()
    limits: LimitsSettings = LimitsSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    archive: ArchiveSettings = ArchiveSettings()
    relay: RelaySettings = RelaySettings()
    notifications: NotificationsSettings = NotificationsSettings()
    sign_in: SignInSettings = SignInSettings()
    directory_groups: DirectoryGroupsSettings = DirectoryGroupsSettings()
    single_sign_on: SingleSignOnSettings = SingleSignOnSettings()
    second_factor: SecondFactorSettings = SecondFactorSettings()
    branding: BrandingSettings = BrandingSettings()

    @property
    def all_directories(self) -> tuple[DirectorySettings, ...]:
        """The directories of the site in order: that of the section ``directory``, then the others."""
        return (self.directory, *self.directories.others)

    @property
    def directory_by_key(self) -> dict[str, DirectorySettings]:
        """The directories by what they are known by where something is stored: the first by nothing, another by its name.

        What was stored before there were several is the first one's.
        """
        return {"": self.directory} | {directory.name: directory for directory in self.directories.others}

    @property
    def directory_titles(self) -> dict[str, str]:
        """By key, what each directory is called in a sentence; nothing in a site with one, where none needs a name."""
        if not self.directories.others:
            return {}
        return {key: directory.title for key, directory in self.directory_by_key.items()}

    def further(self) -> tuple[str, ...]:
        """The further fields that are managed, for people of one directory at least."""
        found = {name for directory in self.all_directories for name in directory.attributes.further()}
        return tuple(name for name in FURTHER if name in found)

    def key_of_unit(self, unit: str) -> str | None:
        """The key of the directory that an organizational unit is read from; ``None`` when it is in none of them."""
        folded = unit.casefold()
        for key, directory in self.directory_by_key.items():
            if any(folded == known.dn.casefold() for known in directory.units):
                return key
        return None

    def contradiction(self) -> tuple[Section, str, str] | None:
        """Section, setting and sentence: where and why sections, each right alone, cannot be used together; ``None`` when they can."""
        if self.directory_groups.is_enabled and any(
            directory.security is Security.PLAIN for directory in self.all_directories
        ):
            sentence = declared(
                "Sign-in with directory passwords requires LDAPS or StartTLS. Change Security in the Active "
                "Directory settings first."
            )
            return Section.DIRECTORY_GROUPS, "is_enabled", sentence
        units: set[str] = set()
        for directory in self.all_directories:
            for unit in directory.units:
                if unit.dn.casefold() in units:
                    sentence = phrase(
                        "{dn} is listed in two directories. Remove it from one of them.", dn=unit.dn
                    )
                    return Section.DIRECTORIES, "others", sentence
            units |= {unit.dn.casefold() for unit in directory.units}
        if any(
            directory.name.casefold() == self.directory.title.casefold()
            for directory in self.directories.others
        ):
            sentence = phrase(
                "Two directories are named {title}. Give one of them another name.",
                title=self.directory.title,
            )
            return Section.DIRECTORIES, "others", sentence
        for item in self.rules.number_ranges:
            if item.unit and item.unit.casefold() not in units:
                sentence = phrase(
                    "The range {first}-{last} is for {unit}, which is not one of the selected OUs.",
                    first=item.first,
                    last=item.last,
                    unit=item.unit,
                )
                return (
                    Section.RULES,
                    "number_ranges",
                    phrase("{sentence} Choose one of them, or leave it empty for all.", sentence=sentence),
                )
        archive = self.archive
        if not archive.is_enabled:
            return None
        if self.relay.is_configured:
            if archive.extension is None:
                return (
                    Section.ARCHIVE,
                    "extension",
                    declared("Enter the archive extension."),
                )
            return None
        if archive.voicemails or archive.keep_backup:
            sentence = declared("Set relay.host and relay.public_key first, or archive recordings only.")
            return (
                Section.ARCHIVE,
                "is_enabled",
                phrase("Voicemails and backups need the relay. {sentence}", sentence=sentence),
            )
        return None

    def to_rules(self) -> Rules:
        """The decisions as plain values for the planner."""
        archive = self.archive
        return _carry_over(
            self.rules,
            Rules,
            units=tuple(
                UnitRule(
                    unit.dn,
                    unit.template_extension,
                    unit.template_memberships is Memberships.LIKE_TEMPLATE,
                )
                for directory in self.all_directories
                for unit in directory.units
            ),
            exclusions=tuple(Exclusion(item.kind, item.value) for item in self.rules.exclusions),
            number_ranges=tuple(
                NumberRange(
                    item.first, item.last, item.unit, tuple(re.findall(r"[0-9-]+", item.skip)), item.order
                )
                for item in self.rules.number_ranges
            ),
            archive=ArchiveRule(archive.extension or "", archive.voicemails, archive.recordings)
            if archive.is_enabled
            else None,
            moves_with_number=self.relay.is_configured,
            protected_numbers=(
                *((archive.extension,) if archive.extension else ()),
                *(
                    number
                    for directory in self.all_directories
                    for number in directory.attributes.templates()
                ),
            ),
        )

    def to_limits(self) -> Limits:
        """The guards' limits as plain values."""
        return _carry_over(self.limits, Limits)


# The fields of a site's settings are its sections.
SECTION_MODELS: dict[Section, type[Document]] = {
    Section(name): type(field.default) for name, field in SiteSettings.model_fields.items()
}


def _carry_over(document: Document, kind: type[T], **others: Any) -> T:
    """The plain value with every setting of the document that has its name; a test compares names, types and defaults."""
    names = {field.name for field in fields(kind)} & type(document).model_fields.keys()
    return kind(**{name: getattr(document, name) for name in names} | others)
