"""The steps of the first set-up: the few settings a first run needs, in the order in which one can be tried after the other.

Where somebody stands follows from what is stored, so the set-up can be left and taken up again, by somebody else too.
"""

from collections.abc import Mapping
from dataclasses import replace

from services.api.console.settings.tabs import BY_SLUG, Tab
from shared.settings.documents import Section
from shared.settings.store import StoredSettings

PREVIEW = "preview"

STEPS: tuple[Tab, ...] = (
    replace(
        BY_SLUG["directory"],
        title="Active Directory",
        intro="Where people are read from, and as whom. An ordinary account that may read is enough.",
        groups=(
            ("Domain controllers", ("servers", "security", "tls_name", "ca_certificate", "allow_plain")),
            ("Account", ("user", "password", "authentication")),
        ),
    ),
    replace(
        BY_SLUG["units"],
        title="Units",
        intro="Whose people have extensions. Browse the directory and take units; one holds its sub-units too.",
    ),
    replace(
        BY_SLUG["directory"],
        slug="number",
        title="Number",
        intro="Which attribute holds the extension number. The samples are from your directory.",
        groups=(
            ("", ("attributes.number",)),
            (
                "How a number is read",
                ("number_rule.min_digits", "number_rule.max_digits", "number_rule.last_digits"),
            ),
        ),
    ),
    replace(
        BY_SLUG["phone-system"],
        title="Phone system",
        intro="In 3CX, under Integrations > API, make a client with access to the configuration API; it shows its key once.",
        groups=(("", ("base_url", "client_id", "client_secret", "ca_certificate")),),
    ),
    replace(
        BY_SLUG["units"],
        slug="templates",
        title="Templates",
        intro="New extensions of a unit are made like its template extension: forwarding, options, departments.",
        question="",
    ),
    replace(
        BY_SLUG["rules"],
        title="Rules",
        intro="What happens to whose extension. All of it can be changed later, and is seen in a preview first.",
        groups=(
            ("When somebody is not there any more", ("when_deleted", "when_moved_out", "when_disabled")),
            ("When somebody is new", ("add_missing", "adoption")),
            ("Departments", ("add_to_departments", "create_missing_departments")),
        ),
    ),
    Tab(
        PREVIEW,
        "Preview",
        Section.RULES,
        "Both ends are read and compared. You see everything that a run would do; nothing is done before you approve it.",
        (),
    ),
    BY_SLUG["schedule"],
)
BY_STEP: Mapping[str, Tab] = {step.slug: step for step in STEPS}


def next_step(slug: str) -> str | None:
    """The step after this one, ``None`` after the last."""
    place = [step.slug for step in STEPS].index(slug)
    return STEPS[place + 1].slug if place + 1 < len(STEPS) else None


def where_one_stands(stored: StoredSettings, *, has_plan: bool) -> str | None:
    """The first step that is still to be done, ``None`` when all is set up."""
    site, versions = stored.settings, stored.versions
    open_steps = (
        ("directory", not site.directory.servers or not site.directory.user),
        ("units", not site.directory.units),
        ("number", not site.phone_system.base_url),
        ("phone-system", not site.phone_system.client_id),
        ("rules", not versions[Section.RULES] and not has_plan),
        (PREVIEW, not has_plan),
        ("schedule", not versions[Section.SCHEDULE]),
    )
    return next((slug for slug, is_open in open_steps if is_open), None)
