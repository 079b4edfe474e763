"""Text as people see it: one line, without what cannot be seen, in one spelling of each character. Pure.

Every name, address and number that comes from outside goes through ``clean``; whoever compares two of them compares
``as_seen``. What is invisible is Unicode's property Default_Ignorable_Code_Point (DerivedCoreProperties.txt), which
Python does not know, and the marks of interlinear annotation.
"""

import re
import unicodedata
from collections.abc import Iterable

# More than any attribute of a person in Active Directory's schema may hold, and no burden for a worker.
MOST_CHARACTERS = 2048

_JOINERS = "\u200c\u200d"
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
# The Braille blank is a letter to Unicode and a blank to everybody else.
_BLANK = re.compile(r"[\s\u2800]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
# All controls, surrogates, and the separators that begin a line.
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# A heap of marks on one letter covers the lines around it; no orthography needs more.
_MOST_MARKS = 4
_WORD = re.compile(r"[^\W\d_]+")
# Alphabets with letters that look like those of another, by how Unicode names their letters.
_LOOK_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def clean(text: str, most_characters: int = MOST_CHARACTERS) -> str:
    """One line of composed characters (NFC): no control characters, nothing invisible, single blanks, cut to a length.

    Joiners stay where they change what is seen: inside emoji, and in scripts whose letters are joined (RFC 5892,
    appendix A.1 and A.2).
    """
    if len(text) > most_characters:
        text = text[:most_characters]
    if text.isascii():
        if text.isprintable():
            return " ".join(text.split()) if "  " in text else text.strip()
    else:
        text = _SURROGATE.sub("\ufffd", text)
        if _UNSEEN.search(text):
            text = _without_unseen(text)
        text = unicodedata.normalize("NFC", text)
    text = _CONTROL.sub("", text)
    # Composing may make a text longer, if hardly ever.
    return _BLANK.sub(" ", text).strip()[:most_characters].rstrip()


def folded(text: str) -> str:
    """The same for texts that differ only in case, blanks and invisible marks."""
    return clean(text).casefold()


def visible(text: str, kept: str = "") -> str:
    """What to show somebody who must see what is there: controls, escape sequences, invisible marks and marks heaped on one
    letter as escapes (``\\x1b``, ``\\u202e``). Joiners stay where they change what is seen, and so do the characters ``kept``.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for place, character in enumerate(text):
        before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        is_shown = character in kept or not (
            marks > _MOST_MARKS
            or _HIDDEN.match(character)
            or (_UNSEEN.match(character) and not (before and _is_needed(character, before, after)))
        )
        shown.append(character if is_shown else _escape(character))
    return "".join(shown)


def mixed_alphabets(texts: Iterable[object]) -> list[str]:
    """What to warn somebody of who judges by names: words whose letters are of several alphabets that look alike, each with
    its alphabets. What is no text is passed over. A word written wholly in another alphabet is nothing odd, and is not
    told apart from what it looks like.
    """
    mixed: dict[str, None] = {}
    for text in texts:
        if not isinstance(text, str) or text.isascii():
            continue
        for word in _WORD.findall(unicodedata.normalize("NFC", text)):
            found = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
            alphabets = [name.capitalize() for name in sorted(found.intersection(_LOOK_ALIKE))]
            if len(alphabets) > 1:
                mixed[f"{word}: {' and '.join(alphabets)} letters in one word"] = None
    return list(mixed)


def isolated(text: str) -> str:
    """The text so that what is written from right to left in it changes the order of nothing beside it (Unicode
    Standard Annex 9, FSI and PDI).
    """
    if text.isascii() or not any(
        unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text
    ):
        return text
    return f"\u2068{text}\u2069"


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_seen(text: str) -> str:
    """What to compare two texts by that are equal when nobody can see a difference. Not for storing."""
    if text.isascii():
        return clean(text)
    return clean(_UNSEEN.sub("", text))


def _without_unseen(text: str) -> str:
    kept: list[str] = []
    for place, character in enumerate(text):
        after = text[place + 1 : place + 2]
        if not _UNSEEN.match(character) or (kept and _is_needed(character, kept[-1], after)):
            kept.append(character)
    return "".join(kept)


def _is_needed(mark: str, before: str, after: str) -> bool:
    """Whether an invisible mark changes how its neighbours look."""
    if "\ufe00" <= mark <= "\ufe0f" or mark >= "\U000e0100":
        # Chooses the form of a symbol or an ideograph.
        return unicodedata.category(before) in ("So", "Lo") and not _UNSEEN.match(before)
    if mark not in _JOINERS or not after or _UNSEEN.match(after):
        return False
    if unicodedata.combining(before) == 9:
        return True
    if unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL":
        return True
    is_symbol = unicodedata.category(before) in ("So", "Sk") or "\ufe00" <= before <= "\ufe0f"
    return mark == "\u200d" and is_symbol and unicodedata.category(after) == "So"
