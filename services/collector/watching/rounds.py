"""Whom to look for next where a controller shows no deleted entries. Pure."""


class LookedFor:
    """Goes round the people of a directory, some at a time, once after each change of it."""

    def __init__(self) -> None:
        self._after: str | None = None
        self._usn = -1
        self._told: set[str] = set()

    def next_after(self, usn: int) -> str | None:
        """After whom to go on; ``None`` when nothing has changed since all were looked for."""
        if self._after is None and usn != self._usn:
            self._after, self._usn = "", usn
        return self._after

    def record(self, guids: list[str], gone: set[str], *, is_end: bool) -> set[str]:
        """Of those that were not found, who was found before: each is told once."""
        self._after = None if is_end else guids[-1]
        new = gone - self._told
        self._told = (self._told - (set(guids) - gone)) | gone
        return new
