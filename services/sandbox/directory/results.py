"""The results a domain controller gives, with the texts that clients look into for the real reason.

AD answers many failures with one LDAP code and tells them apart only in the text ("data 52e"), so the texts
have AD's form: number, class, DSID, problem or comment, data (observed on a real AD; DSIDs vary by version).
"""

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """LDAP result codes (RFC 4511 section 4.1.9)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    SIZE_LIMIT_EXCEEDED = 4
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53


class BindRefusal(IntEnum):
    """Why a bind was refused: the Windows error number that stands, in hexadecimal, behind "data"."""

    NO_SUCH_USER = 0x525
    WRONG_PASSWORD = 0x52E
    OUTSIDE_LOGON_HOURS = 0x530
    PASSWORD_EXPIRED = 0x532
    DISABLED = 0x533
    ACCOUNT_EXPIRED = 0x701
    MUST_CHANGE_PASSWORD = 0x773
    LOCKED = 0x775


@dataclass(frozen=True, slots=True)
class Result:
    """An LDAPResult."""

    code: int
    text: str = ""
    matched_dn: str = ""


SUCCESS = Result(Code.SUCCESS)
NOT_BOUND = Result(
    Code.OPERATIONS_ERROR,
    "000004DC: LdapErr: DSID-0C090A58, comment: In order to perform this operation a successful bind must be"
    " completed on the connection., data 0, v4563",
)
PLAIN_BIND = Result(
    Code.STRONGER_AUTH_REQUIRED,
    "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking if SSL\\TLS"
    " are not already active on the connection, data 0, v4563",
)
READ_ONLY = Result(
    Code.INSUFFICIENT_ACCESS_RIGHTS,
    "00000005: SecErr: DSID-03152E13, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0",
)
ONLY_SIMPLE = Result(Code.AUTH_METHOD_NOT_SUPPORTED, "The sandbox directory knows simple binds only.")
SIZE_LIMIT = Result(
    Code.SIZE_LIMIT_EXCEEDED, "000020E9: SvcErr: DSID-0310071E, problem 5005 (SIZE_LIMIT_EXCEEDED), data 0"
)
FOREIGN_COOKIE = Result(
    Code.UNWILLING_TO_PERFORM,
    "00000057: LdapErr: DSID-0C0907A5, comment: Error processing control, data 0, v4563",
)

NO_COOKIE = Result(
    Code.UNAVAILABLE_CRITICAL_EXTENSION,
    "0000202C: LdapErr: DSID-0C0908FB, comment: Error processing control, data 0, v4563",
)
NO_REPLICATION = Result(
    Code.INSUFFICIENT_ACCESS_RIGHTS,
    "00002105: LdapErr: DSID-0C0908FB, comment: Error processing control, data 0, v4563",
)


def refused_bind(reason: BindRefusal) -> Result:
    """The one answer for all refused binds, with the reason as its sub-code."""
    return Result(
        Code.INVALID_CREDENTIALS,
        f"80090308: LdapErr: DSID-0C09050F, comment: AcceptSecurityContext error, data {reason:x}, v4563",
    )


def no_such_object(nearest: str) -> Result:
    """The base is not there; ``nearest`` is the lowest of its ancestors that is."""
    text = (
        f"0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'{nearest}'\n"
    )
    return Result(Code.NO_SUCH_OBJECT, text, nearest)


def bad_name() -> Result:
    """The base is no distinguished name."""
    return Result(
        Code.INVALID_DN_SYNTAX,
        "0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350, best match of:\n",
    )


def protocol_error(reason: str) -> Result:
    """The request does not follow the protocol, or asks for an operation that is not there."""
    return Result(Code.PROTOCOL_ERROR, f"0000203D: LdapErr: DSID-0C090F2B, comment: {reason}, data 0, v4563")


def unsupported_control(oid: str) -> Result:
    """A control marked critical is not there."""
    return Result(
        Code.UNAVAILABLE_CRITICAL_EXTENSION,
        f"00000057: LdapErr: DSID-0C090835, comment: Error processing control {oid}, data 0, v4563",
    )


def fault(code: int) -> Result:
    """A failure that was switched on for a test."""
    return Result(code, f"000020{code:02X}: SvcErr: DSID-031A12D2, problem 5012 (DIR_ERROR), data 0")
