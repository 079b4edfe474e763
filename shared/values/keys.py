"""By what names and addresses are the same for whoever reads them: compared, looked up and sorted by. Pure."""

import unicodedata

from shared.values.text import as_seen

NameKey = tuple[str, ...]


def name_key(*names: str) -> NameKey:
    """What is equal for equal names; empty when there is no name."""
    text = as_seen(" ".join(names))
    plain = plain_text(text)
    # A name without a single letter is still a name.
    return tuple(sorted(plain.split() or text.casefold().split()))


def email_key(address: str) -> str:
    """What is equal for addresses that reach one mailbox as far as anybody can see: the case does not matter."""
    return as_seen(address).casefold()


def plain_text(text: str) -> str:
    """The letters and digits of a text as it is seen, without case and accents; blanks for all others."""
    text = text.casefold()
    if text.isascii():
        if text.isalnum():
            return text
        return "".join(char if char.isalnum() else " " for char in text)
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(
        " " if not (char.isalnum() or unicodedata.combining(char)) else char for char in decomposed
    )
    return "".join(char for char in letters if not unicodedata.combining(char))
