"""The pages of the help by subject, in the order in which they are read. Pure."""

from collections.abc import Iterable

from shared.language import declared

TRANSLATED = ("de",)
"""The languages that have pages of their own, in folders of docs/: the first pages that people read."""

SUBJECTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (declared("Get started"), ("quick-start", "install", "migrate", "comparison", "faq", "sizing")),
    (
        declared("Every day"),
        ("console", "rules", "numbers", "templates", "mapping", "runs", "live", "notifications"),
    ),
    (declared("Active Directory and 3CX"), ("directories", "controllers", "relay-install", "relay")),
    (
        declared("Operation"),
        ("operate", "databases", "upgrade", "recover", "security", "sign-in", "troubleshooting"),
    ),
    (declared("Reference"), ("settings", "api", "glossary", "architecture", "performance")),
)
FOR_DEVELOPERS = ("faults", "sandbox", "style")
"""Pages of docs/ that the help does not show."""

OTHERS = declared("Other pages")


def placed(pages: Iterable[str]) -> list[tuple[str, list[str]]]:
    """The pages that there are, by subject; those without a subject come last."""
    there = set(pages)
    found = [(subject, [name for name in names if name in there]) for subject, names in SUBJECTS]
    others = there - {name for _, names in SUBJECTS for name in names} - {*FOR_DEVELOPERS}
    return [(subject, names) for subject, names in (*found, (OTHERS, sorted(others))) if names]
