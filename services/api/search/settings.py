"""Finds settings by the words of their labels, as whoever reads them sees them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.api.settings.forms.tabs import Tab
from shared.language import gettext
from shared.settings.fields import Field


@dataclass(frozen=True, slots=True)
class FoundSetting:
    """A setting on its tab."""

    tab: Tab
    field: Field

    @property
    def anchor(self) -> str:
        """The place of its field on the page; a list has none of its own."""
        return "" if self.field.kind == "rows" else f"#f-{self.field.name}"


def find_settings(tabs: Iterable[Tab], text: str) -> list[FoundSetting]:
    """The settings with all words in label, group or title of the tab, those with them in the label first."""
    wanted = text.casefold().split()
    ranked: list[tuple[bool, FoundSetting]] = []
    for tab in tabs:
        for field in tab.fields.values():
            label = gettext(field.label).casefold()
            group = gettext(field.group.heading) if field.group is not None else ""
            around = f"{label} {group} {gettext(tab.title)}".casefold()
            if wanted and all(word in around for word in wanted):
                ranked.append((not all(word in label for word in wanted), FoundSetting(tab, field)))
    return [found for _, found in sorted(ranked, key=lambda item: item[0])]
