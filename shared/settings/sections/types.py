"""Types of values that several settings have, each with the words for a value that does not fit."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.mapping.errors import MappingError
from shared.mapping.mapping import compile_mapping
from shared.settings.declaration import POINTED, ErrorWords, Input


def _that_compiles(text: str) -> str:
    try:
        compile_mapping(text)
    except MappingError as error:
        raise PydanticCustomError(POINTED, "{words}", {"words": error.told}) from error
    return text


ExtensionNumber = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2,10}$"),
    ErrorWords("An extension number has 2 to 10 digits, e.g. 204."),
    Input.EXTENSION,
]
NumberOrRange = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,10}(-[0-9]{1,10})?$", strip_whitespace=True),
    ErrorWords("Enter a number or a range, e.g. 911 or 900-999."),
]
RangeEnd = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2,10}$", strip_whitespace=True),
    ErrorWords("An extension number has 2 to 10 digits, e.g. 200."),
]
NumbersInText = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9]{1,10}(-[0-9]{1,10})?([,; ] *[0-9]{1,10}(-[0-9]{1,10})?)*)?$",
        max_length=2000,
        strip_whitespace=True,
    ),
    ErrorWords("Enter numbers and ranges with commas between them, e.g. 205, 210-219."),
]
UnitName = Annotated[str, StringConstraints(max_length=2048, strip_whitespace=True), Input.UNIT]
CountryCode = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2}$", strip_whitespace=True, to_upper=True),
    ErrorWords("A country is written with its two letters, e.g. DE or US."),
]
AttributeName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=64, strip_whitespace=True),
    ErrorWords("An attribute's name has letters, digits and hyphens, e.g. ipPhone."),
    Input.ATTRIBUTE,
]
AttributeOrExpression = Annotated[
    str, StringConstraints(strip_whitespace=True), AfterValidator(_that_compiles), Input.ATTRIBUTE
]
TimeOfDay = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", strip_whitespace=True),
    ErrorWords("A time is written HH:MM, e.g. 07:30."),
    Input.TIME,
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
WideText = Annotated[str, Input.WIDE]
Certificate = Annotated[str, Input.CERTIFICATE]
Percent = Annotated[float, Field(ge=0, le=100)]


def is_distinguished_name(text: str) -> bool:
    """A first look only, so that a slip is caught when saving; the directory has the last word."""
    return bool(re.match(r"^[A-Za-z][A-Za-z0-9.-]*\s*=\s*[^,]", text)) and not re.search(r",\s*(,|$)", text)
