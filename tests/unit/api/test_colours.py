"""Contrast as WCAG defines it, and the lettering chosen by it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from services.api.console.colours import contrast, lettering_on, stylesheet
from shared.settings.documents import BrandingSettings

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_published_examples() -> None:
    assert round(contrast("#ffffff", "#000000"), 2) == 21
    # The darkest grey that passes and the lightest that fails on white, as WCAG's readers know them.
    assert contrast("#767676", "#ffffff") >= 4.5 > contrast("#777777", "#ffffff")


@given(COLOURS, COLOURS)
def test_contrast_does_not_depend_on_the_order(one: str, other: str) -> None:
    assert contrast(one, other) == contrast(other, one) >= 1


@given(COLOURS)
def test_on_one_colour_there_is_always_a_lettering_that_can_be_read(ground: str) -> None:
    assert lettering_on(ground).is_readable


@given(COLOURS, COLOURS)
def test_on_a_gradient_the_worse_end_counts(top: str, bottom: str) -> None:
    chosen = lettering_on(top, bottom)
    assert chosen.contrast == min(contrast(chosen.colour, top), contrast(chosen.colour, bottom))


@given(COLOURS, COLOURS, COLOURS)
def test_the_style_sheet_holds_nothing_but_colours(top: str, bottom: str, grid: str) -> None:
    text = stylesheet(BrandingSettings(header_top=top, header_bottom=bottom, grid=grid))
    assert re.fullmatch(r"(:root \{ (--[a-z-]+: #[0-9a-f]{6}(; )?)+ \}\n)?", text)


def test_the_standard_look_adds_nothing() -> None:
    assert stylesheet(BrandingSettings(title_prefix="Example")) == ""
