"""Keeps both ends of a link in step: ``member`` with ``memberOf``, ``manager`` with ``directReports``.

A back link changes without a new uSNChanged on the entry that shows it, as on AD: it belongs to the other end.
Each function gets the directory's own ways to find and to store an entry.
"""

from collections.abc import Callable

from services.sandbox.directory import syntax
from services.sandbox.directory.entry import Attribute, Entry

Find = Callable[[str], Entry | None]
Store = Callable[[Entry], Entry]

_BACK = {forward.lower(): back for forward, back in syntax.LINKS.items()}
_SPELLING = {name.lower(): name for pair in syntax.LINKS.items() for name in pair}
FORWARD = _BACK.keys()
_OTHER_END = _BACK | syntax.BACK_LINKS


def point(
    entry: Entry, name: str, before: tuple[bytes, ...], after: tuple[bytes, ...], find: Find, store: Store
) -> None:
    """The forward link ``name`` of ``entry`` changed: bring the back links of those it names in step."""
    for value in before:
        if value not in after:
            _change(value, _BACK[name], find, store, remove=entry.dn)
    for value in after:
        if value not in before:
            _change(value, _BACK[name], find, store, add=entry.dn)


def rename(entry: Entry, old_dn: str, find: Find, store: Store) -> None:
    """``entry`` has a new name: every entry at the other end of a link shows that one."""
    for name, other in _OTHER_END.items():
        for value in entry.values(name):
            _change(value, other, find, store, remove=old_dn, add=entry.dn)


def cut(entry: Entry, find: Find, store: Store) -> None:
    """``entry`` goes: no link points to it any more."""
    for name, other in _OTHER_END.items():
        for value in entry.values(name):
            _change(value, other, find, store, remove=entry.dn)


def _change(target: bytes, name: str, find: Find, store: Store, *, remove: str = "", add: str = "") -> None:
    entry = find(target.decode())
    if entry is None:
        raise KeyError(target.decode())
    unwanted = {remove.encode(), add.encode()}
    kept = [value for value in entry.values(name) if value not in unwanted]
    values = (*kept, add.encode()) if add else tuple(kept)
    attributes = {key: value for key, value in entry.attributes.items() if key != name.lower()}
    if values:
        attributes[name.lower()] = Attribute(_SPELLING[name.lower()], values)
    store(Entry(entry.dn, entry.guid, attributes, entry.stamps))
