"""Asks a controller with DirSync what has changed since the last answer (MS-ADTS 3.1.1.3.4.1.3). Called by ``asking``.

With the flag for object security an ordinary account may ask. Answers hold only what changed: an attribute that was
cleared is there without values, one that was not changed is not there.
"""

from dataclasses import dataclass

from services.collector.reader import RawEntry, Reader, Search
from shared import ber
from shared.errors import DirectoryUnavailable
from shared.language import declared, phrase

CONTROL = b"1.2.840.113556.1.4.841"
_OBJECT_SECURITY = 0x1
# Of links (the members of a group) only those that came or went; as the negative number of 32 bits that it is on the wire.
_INCREMENTAL_VALUES = -0x80000000
# The controller ends an answer near this size, and says that there is more.
_MOST_BYTES = 4 * 1024 * 1024
# A controller that never comes to the end of its answers is a fault of its own.
_MOST_ANSWERS = 10_000


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed up to the cookie."""

    entries: list[RawEntry]
    cookie: bytes


class DirSync:
    """One question, asked again and again on one connection. ``base`` must be the head of a domain."""

    def __init__(self, reader: Reader, base: str, wanted: str, attributes: tuple[str, ...]) -> None:
        self._reader = reader
        self._question = reader.question(Search(base, wanted, attributes), CONTROL)

    def since(self, cookie: bytes) -> Changes:
        """What has changed since the answer that the cookie is of; everything there is without one.

        :raises RollcallError: the controller refused, or stopped answering.
        """
        entries: list[RawEntry] = []
        for _ in range(_MOST_ANSWERS):
            found, value = self._reader.ask(self._question, request_value(cookie))
            entries += found
            try:
                has_more, cookie = read_value(value or b"")
            except ber.BerError as error:
                raise DirectoryUnavailable(
                    phrase(
                        "The domain controller answered DirSync with what is no answer to it: {error}.",
                        error=error,
                    )
                ) from error
            if not has_more:
                return Changes(entries, cookie)
        raise DirectoryUnavailable(
            declared("The domain controller does not come to the end of its answer to DirSync.")
        )


def request_value(cookie: bytes) -> bytes:
    """The value of the control in a request: flags, the most bytes of an answer, the cookie."""
    return ber.sequence(
        ber.integer(_OBJECT_SECURITY + _INCREMENTAL_VALUES), ber.integer(_MOST_BYTES), ber.octets(cookie)
    )


def read_value(value: bytes) -> tuple[bool, bytes]:
    """Whether there is more, and the cookie, of the value of the control in an answer.

    :raises BerError: it is none.
    """
    parts = ber.element(value).expect(ber.SEQUENCE).children()
    if len(parts) != 3:
        raise ber.BerError(phrase("{count} parts where three belong", count=len(parts)))
    return parts[0].integer() != 0, parts[2].expect(ber.OCTET_STRING).content
