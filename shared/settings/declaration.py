"""How a setting is declared: once, with its type, default and limits, and everything that a person reads about it.

Forms, messages, docs/settings.md and OpenAPI are made from these declarations (CONTRIBUTING.md, "How to add a setting").
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.language import gettext

T = TypeVar("T")
REQUIRED: Any = ...
# The type of an error whose words are shown as they are: a sentence, and below it the place that a caret points at.
POINTED = "pointed"


class Destination(NamedTuple):
    """Where secrets are sent: the address as people write it, and whatever proves there who takes them."""

    address: str
    proof: str = ""


def sent_to(address: str, proof: str) -> Destination:
    """A destination; a browser sends a certificate with other ends of lines, which is no other proof."""
    return Destination(address, " ".join(proof.split()))


class Document(BaseModel):
    """Base of every section and of what sections consist of: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # Secrets that have nothing to do with ``destinations``: addresses of their own, and what is never sent.
    OWN_SECRETS: ClassVar[frozenset[str]] = frozenset()

    @property
    def destinations(self) -> frozenset[Destination]:
        """Where the secrets of this section go. One that is stored goes nowhere else: for another address it is given
        anew.
        """
        return frozenset()


class Input(StrEnum):
    """How the console lets a text be entered: part of its type, ``Annotated[str, Input.WIDE]``."""

    LINE = "line"
    WIDE = "wide"
    CERTIFICATE = "certificate"
    EXTENSION = "extension"
    ATTRIBUTE = "attribute"
    TIME_ZONE = "time_zone"
    UNIT = "unit"
    TIME = "time"
    DEPARTMENT = "department"


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that a form shows together. What most sites never need is folded away."""

    heading: str
    is_folded: bool = False

    @property
    def shown_heading(self) -> str:
        """The heading in the language of whoever reads it."""
        return gettext(self.heading)


@dataclass(frozen=True, slots=True)
class Shown:
    """What people see of a setting besides its help. A setting without a ``group`` is in no form.

    ``begins`` is what a new site has until the section is saved, where that is not the default; ``unless_archiving``: only
    while archiving is off. The default stays what a
    document without the setting has always meant: stored ones, exports and bodies of the API.
    """

    label: str
    unit: str = ""
    group: Group | None = None
    begins: Any = None
    unless_archiving: bool = False

    def __call__(self, schema: dict[str, Any]) -> None:
        """Add it to the setting's JSON schema."""
        schema["title"] = self.label
        if self.unit:
            schema["x-unit"] = self.unit


def setting(
    default: T,
    label: str,
    help: str,
    group: Group | None = None,
    *,
    unit: str = "",
    begins: T | None = None,
    unless_archiving: bool = False,
    **limits: float,
) -> T:
    """Declare a setting: a field of a document. ``REQUIRED`` as default means that there is none.

    ``begins`` is what new sites have in place of the default (``unless_archiving``: while they do not archive). ``limits`` are pydantic's: ``ge``, ``gt``, ``le``, ``lt``,
    ``max_length``.
    """
    field: Any = Field
    shown = Shown(label, unit, group, begins, unless_archiving)
    return cast(T, field(default, description=help, json_schema_extra=shown, **limits))


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """Says what a value must look like, with an example, in place of pydantic's own words."""

    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse what the type refuses, in these words."""
        return core_schema.custom_error_schema(handler(source), "setting", custom_error_message=self.words)


def wrong(place: str, words: str) -> PydanticCustomError:
    """An error of several settings together, to be raised by their model and shown at the one named ``place``."""
    return PydanticCustomError("setting", "{words}", {"words": words, "place": place})
