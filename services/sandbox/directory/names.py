"""Distinguished names: reading, writing and comparing (RFC 4514).

A name is compared by its key: pairs of lower-case type and folded value, from the root down, so that
``key[:len(base)] == base`` answers "is it below base?" whatever the spelling or escaping was.
"""

import string

Key = tuple[tuple[str, str], ...]

_SPECIAL = ',+"\\<>;='
_HEX = frozenset(string.hexdigits)


class InvalidName(ValueError):
    """The text is not a distinguished name."""


def split(name: str) -> list[tuple[str, str]]:
    """``(type, value)`` of each RDN, leaf first, values unescaped. An RDN of several pairs is refused, as in AD."""
    if not name.strip():
        return []
    return [_pair(part) for part in _parts(name)]


def key(name: str) -> Key:
    """What two spellings of the same name have in common."""
    return tuple((kind.lower(), value.casefold()) for kind, value in reversed(split(name)))


def rdn(kind: str, value: str) -> str:
    """One RDN, escaped as RFC 4514 section 2.4 asks."""
    escaped = "".join(_escaped(character) for character in value)
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if value.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return f"{kind}={escaped}"


def child(kind: str, value: str, parent: str) -> str:
    """The name of ``value`` below ``parent``."""
    return f"{rdn(kind, value)},{parent}" if parent else rdn(kind, value)


def parent(name: str) -> str:
    """The name one level up, in the spelling of ``name``."""
    return ",".join(_parts(name)[1:])


def first_parts(name: str, count: int) -> list[str]:
    """The first RDNs, leaf first, as they are written."""
    return _parts(name)[:count]


def _parts(name: str) -> list[str]:
    """The RDNs as written, cut at commas (or semicolons) that no backslash and no quotes protect."""
    parts, current, quoted, escaped = [], "", False, False
    for character in name:
        if escaped:
            current, escaped = current + character, False
        elif character == "\\":
            current, escaped = current + character, True
        elif character == '"':
            current, quoted = current + character, not quoted
        elif character in ",;" and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character
    if escaped or quoted:
        raise InvalidName(name)
    return [*parts, current]


def _pair(part: str) -> tuple[str, str]:
    kind, equals, raw = part.partition("=")
    kind = kind.strip()
    if not equals or not kind or not kind.replace("-", "").replace(".", "").isalnum():
        raise InvalidName(part)
    return kind, _unescaped(_trimmed(raw))


def _trimmed(raw: str) -> str:
    """Without the spaces around it; a space behind a backslash belongs to the value and stays."""
    raw = raw.lstrip(" ")
    bare = raw.rstrip(" ")
    slashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if slashes % 2 and len(raw) > len(bare) else bare


def _unescaped(raw: str) -> str:
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        raw = raw[1:-1]
    out = bytearray()
    position = 0
    while position < len(raw):
        character = raw[position]
        if character == "+":
            raise InvalidName(raw)
        if character != "\\":
            out += character.encode(errors="surrogatepass")
            position += 1
        elif len(raw) >= position + 3 and set(raw[position + 1 : position + 3]) <= _HEX:
            out.append(int(raw[position + 1 : position + 3], 16))
            position += 3
        elif position + 1 < len(raw):
            out += raw[position + 1].encode(errors="surrogatepass")
            position += 2
        else:
            raise InvalidName(raw)
    try:
        return out.decode()
    except UnicodeDecodeError as exc:
        raise InvalidName(raw) from exc


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return "\\" + character
    # Observed on AD: control characters in a name are answered as hexadecimal pairs, a tombstone's newline as \0A.
    return f"\\{ord(character):02X}" if ord(character) < 0x20 else character
