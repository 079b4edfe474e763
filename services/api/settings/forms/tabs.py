"""The tabs of the settings: which groups of settings each shows. What is in a group, its settings say themselves.

A test sees to it that every setting has its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.api.access.permissions import SECTIONS_OF_ALL_SITES
from services.api.access.sessions import Visitor
from shared.database.tables import AccountRole
from shared.language import declared
from shared.settings.declaration import Group
from shared.settings.documents import SECTION_MODELS, Section
from shared.settings.fields import Field, fields_of
from shared.settings.sections import (
    archive,
    branding,
    directory,
    directory_groups,
    limits,
    notifications,
    phone_system,
    relay,
    rules,
    schedule,
    second_factor,
    sign_in,
    single_sign_on,
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One form. ``question`` names what its Test button asks; without an ``intro`` the section's own is shown. Those of one
    ``heading`` follow each other.
    """

    slug: str
    title: str
    section: Section
    groups: tuple[Group, ...]
    question: str = ""
    intro: str = ""
    heading: str = ""

    @property
    def fields(self) -> dict[str, Field]:
        """The fields of the form by name."""
        return {field.name: field for group in self.groups for field in self.fields_in(group)}

    @property
    def introduction(self) -> str:
        """What the form is about."""
        return self.intro or " ".join((SECTION_MODELS[self.section].__doc__ or "").split())

    def fields_in(self, group: Group) -> tuple[Field, ...]:
        """The fields of one group, in the order of the document."""
        return tuple(field for field in fields_of(self.section).values() if field.group == group)


_DIRECTORY, _PHONE, _RULES = declared("Directory"), declared("Phone system"), declared("Sync")
_SIGN_IN, _SITE = declared("Sign-in"), declared("Console")

TABS: tuple[Tab, ...] = (
    Tab(
        "directory",
        "Active Directory",
        Section.DIRECTORY,
        (
            directory.CONNECTION,
            directory.SIGNING_IN,
            directory.NUMBER,
            directory.NUMBER_RULE,
            directory.ATTRIBUTES,
            directory.FURTHER_FIELDS,
            directory.SELECTION,
            directory.ADVANCED,
        ),
        "directory",
        heading=_DIRECTORY,
    ),
    Tab(
        "units",
        "Organizational units",
        Section.DIRECTORY,
        (directory.UNITS,),
        "directory",
        "The OUs whose people have extensions. A person in several OUs belongs to the first; new extensions "
        "get the "
        "settings of its template.",
        heading=_DIRECTORY,
    ),
    Tab(
        "phone-system",
        "Phone system",
        Section.PHONE_SYSTEM,
        (phone_system.API_CLIENT, phone_system.OWN_CERTIFICATE, phone_system.ADVANCED),
        "phone_system",
        heading=_PHONE,
    ),
    Tab("archive", "Archive", Section.ARCHIVE, (archive.ARCHIVE, archive.ADVANCED), heading=_PHONE),
    Tab("relay", "Relay", Section.RELAY, (relay.RELAY, relay.ADVANCED), "relay", heading=_PHONE),
    Tab(
        "exclude",
        "Exclude extensions",
        Section.RULES,
        (rules.EXCLUSIONS,),
        intro="People and extensions that Rollcall leaves alone.",
        heading=_RULES,
    ),
    Tab(
        "numbers",
        "Numbers",
        Section.RULES,
        (rules.RANGES, rules.GIVING, rules.RESERVED),
        intro="Numbers for people who have none in the directory, and reserved numbers.",
        heading=_RULES,
    ),
    Tab("rules", "Rules", Section.RULES, (rules.LEAVERS, rules.JOINERS, rules.DEPARTMENTS), heading=_RULES),
    Tab(
        "limits",
        "Limits",
        Section.LIMITS,
        (limits.DELETIONS, limits.DEACTIVATIONS, limits.CHANGES, limits.PEOPLE, limits.APPROVAL),
        heading=_RULES,
    ),
    Tab("schedule", "Schedule", Section.SCHEDULE, (schedule.SCHEDULE, schedule.BLACKOUT), heading=_RULES),
    Tab(
        "notifications",
        "Notifications",
        Section.NOTIFICATIONS,
        (
            notifications.WHEN,
            notifications.EMAIL,
            notifications.TEAMS,
            notifications.SLACK,
            notifications.WEBHOOK,
            notifications.SYSLOG,
            notifications.ADVANCED,
        ),
        "notifications",
        heading=_RULES,
    ),
    Tab("password", "Password", Section.SIGN_IN, (sign_in.PASSWORD, sign_in.RIGHTS), heading=_SIGN_IN),
    Tab(
        "ad-accounts",
        "AD accounts",
        Section.DIRECTORY_GROUPS,
        (directory_groups.SWITCH, directory_groups.GROUPS),
        heading=_SIGN_IN,
    ),
    Tab(
        "single-sign-on",
        "Single sign-on",
        Section.SINGLE_SIGN_ON,
        (single_sign_on.PROVIDER, single_sign_on.ROLES, single_sign_on.RULES, single_sign_on.ADVANCED),
        heading=_SIGN_IN,
    ),
    Tab(
        "second-factor",
        "Second factor",
        Section.SECOND_FACTOR,
        (second_factor.REQUIRED_FOR,),
        heading=_SIGN_IN,
    ),
    Tab("site", "Site settings", Section.BRANDING, (branding.BRANDING, branding.SUPPORT), heading=_SITE),
)


def tabs_for(visitor: Visitor | None) -> list[Tab]:
    """The tabs that are there for a visitor: what counts for all sites is not for those of one."""
    sees_all = visitor is not None and visitor.roles.may_everywhere(AccountRole.VIEWER)
    return [tab for tab in TABS if sees_all or tab.section.value not in SECTIONS_OF_ALL_SITES]


BY_SLUG: Mapping[str, Tab] = {tab.slug: tab for tab in TABS}


def tab_title(section: Section, name: str) -> str:
    """The title of the tab that shows a field."""
    return next((tab.title for tab in TABS if tab.section is section and name in tab.fields), section.value)
