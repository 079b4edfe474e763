"""Types of values that several settings have, each with the words for a value that does not fit."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.settings.declaration import ErrorWords, Input

ExtensionNumber = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2,10}$"),
    ErrorWords("An extension number has 2 to 10 digits, e.g. 204."),
    Input.EXTENSION,
]
AttributeName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=64),
    ErrorWords("An attribute's name has letters, digits and hyphens, e.g. ipPhone."),
    Input.ATTRIBUTE,
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
WideText = Annotated[str, Input.WIDE]
Certificate = Annotated[str, Input.CERTIFICATE]
Percent = Annotated[float, Field(ge=0, le=100)]
