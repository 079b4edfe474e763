"""How the console looks."""

import re

from pydantic import field_validator

from shared.language import declared
from shared.settings.declaration import Document, Group, setting

BRANDING = Group("")


class BrandingSettings(Document):
    """How the console looks to everyone: logo, name and colours. The settings of the site default are used."""

    logo: str = setting("", "Logo", "Name of an uploaded picture. When empty, Rollcall's own logo.", BRANDING)
    title_prefix: str = setting(
        "", "Header title prefix", "Shown before “Rollcall” in the header.", BRANDING, max_length=60
    )
    header_top: str = setting("#1d2b45", "Header, top", "Colour as #rrggbb.", BRANDING)
    header_bottom: str = setting("#16213a", "Header, bottom", "Colour as #rrggbb.", BRANDING)
    grid: str = setting("#f8fafc", "Table header colour", "Colour as #rrggbb.", BRANDING)

    @field_validator("header_top", "header_bottom", "grid")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        value = value.strip().lower()
        if not re.fullmatch(r"#[0-9a-f]{6}", value):
            raise ValueError(declared("A colour is written #rrggbb, e.g. #1d2b45."))
        return value

    @field_validator("title_prefix")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        return " ".join(value.split())

    @field_validator("logo")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-f]{12}", value):
            raise ValueError(declared("Choose an uploaded picture, or none."))
        return value
