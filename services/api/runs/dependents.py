"""Which rows of a plan go with rows that are left out. Pure."""

from collections.abc import Collection, Iterable, Mapping


def with_dependents(chosen: Iterable[int], requires: Mapping[int, Collection[int]]) -> set[int]:
    """The chosen sequences and every one that requires one of them, directly or through others."""
    left_out = set(chosen)
    dependents: dict[int, list[int]] = {}
    for sequence, needed in requires.items():
        for other in needed:
            dependents.setdefault(other, []).append(sequence)
    waiting = list(left_out)
    while waiting:
        for sequence in dependents.get(waiting.pop(), ()):
            if sequence not in left_out:
                left_out.add(sequence)
                waiting.append(sequence)
    return left_out
