"""Colours of the console as somebody has chosen them, and whether a text on them can be read. Pure.

Contrast as WCAG 2.2 defines it (relative luminance, success criterion 1.4.3: 4.5 to 1 for text of usual size).
"""

import hashlib
from dataclasses import dataclass

from shared.settings.documents import BrandingSettings

LEAST_CONTRAST = 4.5
_LIGHT, _DARK = "#ffffff", "#000000"


@dataclass(frozen=True, slots=True)
class Lettering:
    """The better of white and black on a ground, and its contrast where it is worst."""

    colour: str
    contrast: float

    @property
    def is_readable(self) -> bool:
        """Whether everybody can read it, as WCAG AA has it."""
        return self.contrast >= LEAST_CONTRAST


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black and white), of two colours written #rrggbb."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lettering_on(*grounds: str) -> Lettering:
    """What to write with where all these are behind the text. On a gradient the worst place is one of its ends."""
    return max(
        (
            Lettering(colour, min(contrast(colour, ground) for ground in grounds))
            for colour in (_LIGHT, _DARK)
        ),
        key=lambda found: found.contrast,
    )


def stylesheet(branding: BrandingSettings) -> str:
    """What the chosen colours add to the console's own style sheet; empty when all are the standard ones.

    A standard colour is left out, so that it keeps its dark twin.
    """
    standard = BrandingSettings()
    declarations = []
    header = (branding.header_top, branding.header_bottom)
    if header != (standard.header_top, standard.header_bottom):
        text = lettering_on(*header).colour
        declarations += [
            f"--header-top: {header[0]}",
            f"--header-bottom: {header[1]}",
            f"--header-text: {text}",
            f"--header-dim: {text}",
        ]
    if branding.grid != standard.grid:
        declarations += [f"--grid: {branding.grid}", f"--grid-text: {lettering_on(branding.grid).colour}"]
    return f":root {{ {'; '.join(declarations)} }}\n" if declarations else ""


def stylesheet_name(text: str) -> str:
    """Changes with the style sheet, so that browsers may keep it."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
