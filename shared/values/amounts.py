"""Amounts as they read in a sentence. Pure."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """So many bytes, in the unit that reads best."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
