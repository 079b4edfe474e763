"""What can go wrong in the relay, sorted by what the caller should do.

    RelayError             the operation ended; nothing was changed
    └── TryAgain           it stands where it stands; the same operation may be asked for again and goes on

``Problem`` is smaller: one item that could not be handled, while the others went on.
"""

import errno
from dataclasses import dataclass


class RelayError(Exception):
    """Nothing was changed. ``code`` is stable, ``message`` says what, where and what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TryAgain(RelayError):
    """The operation stopped half-way with nothing lost; asked for again it goes on where it stopped."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that was left as it was, or a thing worth knowing. Only a blocking one withholds ``verified``."""

    code: str
    item: str
    message: str
    is_blocking: bool = True

    def as_json(self) -> dict[str, str | bool]:
        """For the answer and the journal."""
        return {
            "code": self.code,
            "item": self.item,
            "message": self.message,
            "is_blocking": self.is_blocking,
        }

    @classmethod
    def from_json(cls, document: dict[str, str | bool]) -> "Problem":
        """What :meth:`as_json` made."""
        return cls(
            str(document["code"]),
            str(document["item"]),
            str(document["message"]),
            bool(document["is_blocking"]),
        )


_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def is_disk_full(error: OSError) -> bool:
    """No space, or no quota, is left."""
    return error.errno in _FULL


def disk_full(place: object) -> RelayError:
    """The refusal for a disk without enough space."""
    return RelayError(
        "disk_full",
        f"There is not enough free space at {place}. Nothing was changed. Free space on the phone system's host "
        "and try again.",
    )


def file_problem(error: OSError, item: str) -> Problem:
    """Why one file was left as it was."""
    reason = error.strerror or type(error).__name__
    if error.errno == errno.ENOENT:
        return Problem("file_missing", item, "The file was gone when it was to be copied. Try again.")
    if error.errno in _FORBIDDEN:
        return Problem(
            "not_permitted",
            item,
            f"The host refused: {reason}. Let the relay run as the user that owns 3CX's files (phonesystem), with "
            "write access to both folders.",
        )
    return Problem("file_failed", item, f"The host refused: {reason}. The file is still at its old place.")
