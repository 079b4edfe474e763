"""Every error of Rollcall, one tree. The class says what to DO about a failure:

    RollcallError
    ├── TransientError(retry_after)     try again later
    │   ├── DirectoryUnavailable        no domain controller answered
    │   ├── PhoneSystemUnavailable      3CX did not answer, or with a server error
    │   ├── PhoneSystemBusy             3CX asked to slow down
    │   ├── RelayUnavailable            the relay on the phone system's host did not answer
    │   ├── ReceiverUnavailable         a receiver of notifications did not take a message now
    │   ├── WorkerUnavailable           no worker answered a question in time
    │   ├── StorageUnavailable          the database or the disk cannot be written
    │   ├── MessageNotUnderstood        another version of Rollcall sent it; a worker of that version will take it
    │   ├── NewerVersionNeeded          another version of Rollcall stored it; a worker of that version goes on with it
    │   ├── TooBusy                     more is being asked than this process does at once
    │   └── LeaseHeld                   another process is at it
    ├── PermanentError                  this one thing cannot be done; the rest goes on
    │   ├── InvalidEntry, NumberInUse, EmailInUse, LicenceLimitReached, CommandRejected, ExtensionNotFound,
    │   ├── ArchiveNotVerified, RelayFailed, ReceiverRefused, StorageRefused, NotFound, Conflict (TransitionRefused, RowRefused)
    ├── SafetyStop                      never retried; a person decides
    │   ├── IncompleteSnapshot, PlanChanged, TokenTakenOver
    └── ConfigurationError              the settings must be mended
        ├── BadCredentials, AccountNotUsable, UnknownBaseDn, UnknownAttribute, InsufficientRights,
        ├── GlobalCatalogPort, NotActiveDirectory,
        ├── CertificateRejected, EncryptionRequired, AddressUnknown, SettingsInvalid, SecretUnreadable,
        ├── RelayKeyMismatch, RelayRefused, DatabaseMissing, DriverMissing, BackupUnusable

``code`` is stable: programs, translations and the documentation refer to it. ``message`` says what happened,
where, and what to do next; it never holds a secret. HTTP statuses are the API's affair, not this module's.
"""

from typing import ClassVar


class RollcallError(Exception):
    """The root. ``code`` is the stable name, ``details`` typed facts a program may read."""

    code: ClassVar[str] = "rollcall_error"

    def __init__(self, message: str, **details: str | int | float | bool | None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class TransientError(RollcallError):
    """It may work later. ``retry_after`` is in seconds."""

    code = "transient_error"

    def __init__(
        self, message: str, *, retry_after: float = 10.0, **details: str | int | float | bool | None
    ) -> None:
        super().__init__(message, **details)
        self.retry_after = retry_after


class TookTooLong(TransientError):
    """An attempt went on for longer than a task may, and ended itself."""

    code = "took_too_long"


class DirectoryUnavailable(TransientError):
    """No domain controller answered, or one stopped answering in mid-read."""

    code = "directory_unavailable"


class PhoneSystemUnavailable(TransientError):
    """3CX did not answer, closed the connection or answered with a server error: the outcome is unknown."""

    code = "phone_system_unavailable"


class PhoneSystemBusy(TransientError):
    """3CX refused to take the request now (429, 503): nothing was done."""

    code = "phone_system_busy"


class RelayUnavailable(TransientError):
    """The relay on the phone system's host did not answer, or none is configured."""

    code = "relay_unavailable"


class ReceiverUnavailable(TransientError):
    """A receiver of notifications did not answer, or asked to wait: whether it has the message is not known."""

    code = "receiver_unavailable"


class WorkerUnavailable(TransientError):
    """No worker answered a question in time."""

    code = "worker_unavailable"


class StorageUnavailable(TransientError):
    """The database cannot be reached or written: full disk, read-only folder, lost connection."""

    code = "storage_unavailable"


class MessageNotUnderstood(TransientError):
    """A message of another version of Rollcall; what it is about stands in the database and is published again."""

    code = "message_not_understood"


class NewerVersionNeeded(TransientError):
    """What is stored means something that only a newer Rollcall knows; a process of that version goes on with it."""

    code = "newer_version_needed"


class TooBusy(TransientError):
    """More is being asked of this process than it does at once."""

    code = "too_busy"


class LeaseHeld(TransientError):
    """Another process holds the lease; it will end or expire."""

    code = "lease_held"


class PermanentError(RollcallError):
    """Doing the same again gives the same answer."""

    code = "permanent_error"


class InvalidEntry(PermanentError):
    """A directory entry cannot be used as it stands."""

    code = "invalid_entry"


class NumberInUse(PermanentError):
    """The extension number belongs to another extension, queue, ring group, ..."""

    code = "number_in_use"


class EmailInUse(PermanentError):
    """3CX allows an e-mail address on one extension only."""

    code = "email_in_use"


class LicenceLimitReached(PermanentError):
    """The phone system's licence has no extension left."""

    code = "licence_limit_reached"


class CommandRejected(PermanentError):
    """3CX refused the change; ``target`` names the field when it said so."""

    code = "command_rejected"


class ExtensionNotFound(PermanentError):
    """The extension is not there (any more)."""

    code = "extension_not_found"


class ArchiveNotVerified(PermanentError):
    """Voicemails and recordings could not be proven safe, so nothing is deleted."""

    code = "archive_not_verified"


class RelayFailed(PermanentError):
    """The relay on the phone system's host understood, changed nothing and said why."""

    code = "relay_failed"


class ReceiverRefused(PermanentError):
    """A receiver of notifications understood and refused."""

    code = "receiver_refused"


class AttributeOccupied(PermanentError):
    """An attribute of the directory holds something else than what was to be written to it; it is not overwritten."""

    code = "attribute_occupied"


class NotFound(PermanentError):
    """What was asked for does not exist in Rollcall."""

    code = "not_found"


class Conflict(PermanentError):
    """The state has moved on: the request no longer fits (a run already going, an outdated version)."""

    code = "conflict"


class TransitionRefused(Conflict):
    """A run, part or command is not in a state in which this may happen to it; nothing was changed."""


class RowRefused(Conflict):
    """The database refused a row: another like it is there, or what it belongs to is gone; nothing was changed."""


class StorageRefused(PermanentError):
    """The database refused what was asked of it, and would again; nothing was changed."""

    code = "storage_refused"


class SafetyStop(RollcallError):
    """Stopped on purpose; a person decides what happens next."""

    code = "safety_stop"


class IncompleteSnapshot(SafetyStop):
    """A reading could not be proven complete, so absence in it means nothing."""

    code = "incomplete_snapshot"


class PlanChanged(SafetyStop):
    """The approval names another plan than the one that stands."""

    code = "plan_changed"


class TokenTakenOver(SafetyStop):
    """Another program keeps asking for tokens with the same client id, which logs us out."""

    code = "token_taken_over"


class ConfigurationError(RollcallError):
    """The settings (or the account behind them) must be mended first."""

    code = "configuration_error"


class BadCredentials(ConfigurationError):
    """User name or password, client id or secret refused."""

    code = "bad_credentials"


class AccountNotUsable(ConfigurationError):
    """The credentials may be right, but the account is locked, disabled, expired or must change its password."""

    code = "account_not_usable"


class UnknownBaseDn(ConfigurationError):
    """The directory has no such organizational unit or domain."""

    code = "unknown_base_dn"


class UnknownAttribute(ConfigurationError):
    """The directory's schema has no such attribute."""

    code = "unknown_attribute"


class InsufficientRights(ConfigurationError):
    """The account works but may not do this."""

    code = "insufficient_rights"


class GlobalCatalogPort(ConfigurationError):
    """The address is that of the Global Catalog, which holds only some of the attributes."""

    code = "global_catalog_port"


class NotActiveDirectory(ConfigurationError):
    """Another LDAP server answers at the address."""

    code = "not_active_directory"


class CertificateRejected(ConfigurationError):
    """The server's certificate is not trusted, names another host, or is out of date."""

    code = "certificate_rejected"


class EncryptionRequired(ConfigurationError):
    """The connection would send a password in the clear."""

    code = "encryption_required"


class AddressUnknown(ConfigurationError):
    """The host name does not resolve or the address is not one."""

    code = "address_unknown"


class RelayKeyMismatch(ConfigurationError):
    """What answers at the relay's address has another key than the settings say; nothing was sent to it."""

    code = "relay_key_mismatch"


class RelayRefused(ConfigurationError):
    """The relay does not let us in: not paired with this Rollcall, a wrong code, or clocks that differ."""

    code = "relay_refused"


class DatabaseMissing(ConfigurationError):
    """The database server answers, but has no database of this name."""

    code = "database_missing"


class DriverMissing(ConfigurationError):
    """What speaks to this kind of database is not installed; the message names the package."""

    code = "driver_missing"


class BackupUnusable(ConfigurationError):
    """A backup cannot be restored: damaged, another passphrase, or made by a newer Rollcall. Nothing was changed."""

    code = "backup_unusable"


class SettingsInvalid(ConfigurationError):
    """Settings refused as a whole; nothing of them was saved."""

    code = "settings_invalid"


class SecretUnreadable(ConfigurationError):
    """A stored secret cannot be decrypted with this deployment's key."""

    code = "secret_unreadable"
