"""How the console looks, and whom its readers ask for help."""

import re
from typing import Annotated

from pydantic import StringConstraints, field_validator

from shared.language import declared
from shared.settings.declaration import Document, Group, setting

_MOST_CHARACTERS = 200
Line = Annotated[str, StringConstraints(max_length=_MOST_CHARACTERS, strip_whitespace=True)]
_WEBSITE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[^\s<>\"]*)?")
BRANDING = Group("")
SUPPORT = Group("Support contacts")


class BrandingSettings(Document):
    """How the console looks to everyone: logo, name and colours; and the support contacts. The settings of the site default are used."""

    logo: str = setting("", "Logo", "Name of an uploaded picture. When empty, Rollcall's own logo.", BRANDING)
    title_prefix: str = setting(
        "", "Header title prefix", "Shown before “Rollcall” in the header.", BRANDING, max_length=60
    )
    header_top: str = setting("#1d2b45", "Header, top", "Colour as #rrggbb.", BRANDING)
    header_bottom: str = setting("#16213a", "Header, bottom", "Colour as #rrggbb.", BRANDING)
    grid: str = setting("#f8fafc", "Table header colour", "Colour as #rrggbb.", BRANDING)
    support_name: Line = setting(
        "", "Who helps", "E.g. Example Telecom, service desk. Shown on Support.", SUPPORT
    )
    support_phone: Line = setting("", "Phone", "E.g. +1 801 555 0100.", SUPPORT)
    support_email: Line = setting("", "E-mail", "E.g. help@example.com.", SUPPORT)
    support_website: Line = setting("", "Website", "E.g. https://help.example.com.", SUPPORT)
    support_hours: Line = setting("", "Hours", "E.g. Monday to Friday, 08:00 to 18:00.", SUPPORT)

    @property
    def has_support(self) -> bool:
        """Whether there is anybody to ask."""
        return any((self.support_name, self.support_phone, self.support_email, self.support_website))

    @field_validator("header_top", "header_bottom", "grid")
    @classmethod
    def _is_a_colour(cls, value: str) -> str:
        value = value.strip().lower()
        if not re.fullmatch(r"#[0-9a-f]{6}", value):
            raise ValueError(declared("A colour is written #rrggbb, e.g. #1d2b45."))
        return value

    @field_validator("support_email")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+", value):
            raise ValueError(declared("Enter an e-mail address, e.g. help@example.com."))
        return value

    @field_validator("support_website")
    @classmethod
    def _is_a_website(cls, value: str) -> str:
        if not value:
            return value
        address = value if "://" in value else f"https://{value}"
        # Any other scheme could be a script, behind a link that everybody is shown.
        # Completed, it must still be one that is read back.
        if not _WEBSITE.fullmatch(address) or len(address) > _MOST_CHARACTERS:
            raise ValueError(declared("Enter the address of a website, e.g. https://help.example.com."))
        return address

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
