"""Which attributes of an entry go into an answer (RFC 4511 section 4.5.1.8), and in which form.

A group of more than 1,500 members shows them in ranges, as Windows does: ``member;range=0-1499``
(MS-ADTS 3.1.1.3.1.3.3).
"""

import re
from collections.abc import Callable, Sequence

from services.sandbox.directory.entry import Entry, encode_attribute

MAX_RANGE = 1500

_RANGE = re.compile(r"([^;]+);range=(\d{1,9})-(\d{1,9}|\*)", re.IGNORECASE)

Selection = Callable[[Entry], list[bytes]]


def selection(asked: Sequence[str], types_only: bool) -> Selection:
    """A function that gives the encoded attributes of an entry."""
    ranges = {
        found[1].lower(): (int(found[2]), found[3]) for name in asked if (found := _RANGE.fullmatch(name))
    }
    plain = list(dict.fromkeys(name.lower() for name in asked if ";" not in name and name != "1.1"))
    everything = not asked or "*" in plain

    def select(entry: Entry) -> list[bytes]:
        wanted = entry.attributes if everything else plain
        chosen = [_encode(entry, name, types_only) for name in wanted if name in entry.attributes]
        chosen += [_encode_range(entry, name, first, last) for name, (first, last) in ranges.items()]
        return [part for part in chosen if part]

    return select


def _encode(entry: Entry, name: str, types_only: bool) -> bytes:
    attribute = entry.attributes[name]
    if types_only:
        return encode_attribute(attribute.name, ())
    if len(attribute.values) > MAX_RANGE:
        return _encode_range(entry, name, 0, "*")
    return entry.encoded(name)


def _encode_range(entry: Entry, name: str, first: int, last: str) -> bytes:
    attribute = entry.attributes.get(name)
    if attribute is None or first >= len(attribute.values):
        return b""
    stop = min(first + MAX_RANGE, len(attribute.values), int(last) + 1 if last != "*" else first + MAX_RANGE)
    end = "*" if stop == len(attribute.values) else str(stop - 1)
    return encode_attribute(f"{attribute.name};range={first}-{end}", attribute.values[first:stop])
