"""Regular expressions that a person types, matched in time that grows only with the length of the text. Pure.

The engine is Rust's ``regex``, which pydantic brings along and documents for its own patterns: no look-around and no
back-references, hence no expression that takes for ever; letters, digits and word boundaries of all scripts, as in
Python. (RE2 knows those of English only: ``\\bÜmit`` would never match.)
"""

import re
import unicodedata

from pydantic_core import SchemaError, SchemaValidator, core_schema

from shared.values.text import as_seen

# What the engine reads otherwise than Python does, which expressions were written for before.
_READ_OTHERWISE = re.compile(r"\\[<>]|\[[^\]]*(?:\[:|&&|--|~~)")
_REASON = re.compile(r"^error: (.+)$", re.MULTILINE)
_SIMPLER = {
    "look-around, including look-ahead and look-behind, is not supported": "look-ahead and look-behind are not supported",
}


class UnsupportedExpression(ValueError):
    """The text is no expression that can be matched; the message is the end of a sentence that names it."""


class Expression:
    """One expression, ready to be searched for, regardless of case."""

    def __init__(self, pattern: str) -> None:
        """Compile it.

        :raises UnsupportedExpression: it is wrong, or uses what cannot be matched in linear time.
        """
        if _READ_OTHERWISE.search(pattern):
            raise UnsupportedExpression("sets within sets ([:…:], &&, --, ~~) and \\< \\> are not supported")
        composed = unicodedata.normalize("NFC", pattern)
        try:
            self._validator = SchemaValidator(core_schema.str_schema(pattern=f"(?i){composed}"))
        except SchemaError as error:
            raise UnsupportedExpression(_reason(str(error))) from error

    def is_in(self, text: str) -> bool:
        """Whether the text, as it is seen, holds a match."""
        return self._validator.isinstance_python(as_seen(text))


def _reason(sentence: str) -> str:
    found = _REASON.search(sentence)
    if found is not None:
        return _SIMPLER.get(found[1], found[1])
    return "it is too large" if "size limit" in sentence else "it cannot be read"
