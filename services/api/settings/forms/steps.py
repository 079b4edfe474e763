"""The steps of the set-up wizard, and at which of them a site stands. Pure.

There is no state but the settings themselves and the runs: so the wizard is left and taken up again at any step, by
anybody, and agrees with whatever was set elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.api.settings.forms.tabs import Tab
from shared.settings.documents import DirectorySettings, Section
from shared.settings.sections import archive, directory, phone_system, rules, schedule
from shared.settings.store import StoredSettings


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``tab`` is its form (the preview has none), ``needs`` the fields that must be filled in.

    ``title`` stands in the list of steps.
    """

    slug: str
    title: str
    tab: Tab | None = None
    needs: tuple[str, ...] = ()

    @property
    def is_of_a_directory(self) -> bool:
        """Whether each directory of the site has such a step."""
        return self.tab is not None and self.tab.section is Section.DIRECTORY


STEPS: tuple[Step, ...] = (
    Step(
        "directory",
        "Active Directory",
        Tab(
            "directory",
            "Connect Active Directory",
            Section.DIRECTORY,
            (directory.CONNECTION, directory.SIGNING_IN),
            "directory",
            "An account with read access is enough: Rollcall does not write to the directory.",
        ),
        ("servers", "user"),
    ),
    Step(
        "units",
        "Organizational units",
        Tab(
            "units",
            "Which OUs should have extensions?",
            Section.DIRECTORY,
            (directory.UNITS,),
            "directory",
            "Add the organizational units whose people should have an extension. Each figure counts the people in the "
            "OU and below it.",
        ),
        ("units",),
    ),
    Step(
        "number",
        "Extension number",
        Tab(
            "number",
            "Which attribute holds the extension number?",
            Section.DIRECTORY,
            (directory.NUMBER, directory.NUMBER_RULE),
            "directory",
            "Attributes that are filled in for people of the selected OUs, those with most numbers first.",
        ),
        ("attributes.number",),
    ),
    Step(
        "phone-system",
        "Phone system",
        Tab(
            "phone-system",
            "Connect the phone system",
            Section.PHONE_SYSTEM,
            (phone_system.API_CLIENT, phone_system.OWN_CERTIFICATE),
            "phone_system",
            "Create an API client in 3CX under Integrations > API, and enter here what 3CX shows.",
        ),
        ("base_url", "client_id"),
    ),
    Step(
        "templates",
        "Templates",
        Tab(
            "templates",
            "Template for new extensions",
            Section.DIRECTORY,
            (directory.UNITS,),
            intro="New extensions of an OU get the settings of its template extension; without one, 3CX's defaults.",
        ),
    ),
    Step(
        "archive",
        "Archive",
        Tab(
            "archive",
            "Voicemails and recordings of leavers",
            Section.ARCHIVE,
            (archive.ARCHIVE,),
            intro="Recordings are downloaded to Rollcall's host through the 3CX API, which needs nothing else. Voicemails "
            "need the relay on the phone system's host (Settings, Relay) and an extension that receives them.",
        ),
    ),
    Step(
        "rules",
        "Rules",
        Tab(
            "rules",
            "Rules for joiners and leavers",
            Section.RULES,
            (rules.LEAVERS, rules.JOINERS, rules.DEPARTMENTS),
            intro="All of this can be changed later.",
        ),
    ),
    Step("preview", "First plan"),
    Step(
        "schedule",
        "Schedule",
        Tab(
            "schedule",
            "Schedule",
            Section.SCHEDULE,
            (schedule.SCHEDULE,),
            intro="This is the last step. Run now on the overview starts a run at any time.",
        ),
    ),
)
BY_SLUG: Mapping[str, Step] = {step.slug: step for step in STEPS}
# Without these there is nothing to compare; what is left of the steps has defaults.
_NEEDED = ("directory", "units", "phone-system", "preview")


def steps_done(stored: StoredSettings, *, has_ended_well: bool) -> frozenset[str]:
    """The steps that have left something behind, and those before them that may be left as they are."""
    directory, phone_system = stored.settings.directory, stored.settings.phone_system
    number = (directory.attributes.number, directory.number_rule)
    defaults = DirectorySettings()
    seen = {
        "directory": bool(directory.servers and directory.user),
        "units": bool(directory.units),
        "number": number != (defaults.attributes.number, defaults.number_rule),
        "phone-system": bool(phone_system.base_url and phone_system.client_id),
        "templates": any(unit.template_extension for unit in directory.units),
        "archive": stored.versions[Section.ARCHIVE] > 0,
        "rules": stored.versions[Section.RULES] > 0,
        "preview": has_ended_well,
        "schedule": stored.versions[Section.SCHEDULE] > 0,
    }
    last = max((index for index, step in enumerate(STEPS) if seen[step.slug]), default=-1)
    return frozenset(
        step.slug
        for index, step in enumerate(STEPS)
        if seen[step.slug] or (step.slug not in _NEEDED and index < last)
    )


def next_step(done: frozenset[str]) -> Step | None:
    """Where to go on, ``None`` at the end: after the last step done, but not past one that the later ones need."""
    needed = next(
        (index for index, step in enumerate(STEPS) if step.slug in _NEEDED and step.slug not in done),
        len(STEPS),
    )
    last = max((index for index, step in enumerate(STEPS) if step.slug in done), default=-1)
    return STEPS[index] if (index := min(needed, last + 1)) < len(STEPS) else None


def neighbours(step: Step, steps: Sequence[Step] = STEPS) -> tuple[Step | None, Step | None]:
    """The step before and the one after."""
    index = steps.index(step)
    return (steps[index - 1] if index else None, steps[index + 1] if index + 1 < len(steps) else None)
