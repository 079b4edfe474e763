"""The one access token of a phone system's API client, shared by all threads and workers.

3CX lets a client hold one token: asking for a new one logs every older one out. So asking is serialised by a
lease, the token is kept encrypted in the database, and a 401 in mid-run means that somebody else asked: once
it is asked for again, and when that keeps happening the work stops (``TokenTakenOver``) and says so.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, or_

from shared.database.engine import Database
from shared.database.tables import PhoneSystemToken
from shared.encryption import Encryption
from shared.errors import (
    ConfigurationError,
    LeaseHeld,
    PhoneSystemUnavailable,
    SecretUnreadable,
    TokenTakenOver,
)
from shared.language import declared
from shared.work import leases

_LOCK_SECONDS = 30.0
_RENEW_EARLY_SECONDS = 60.0
# So many new tokens in a minute that nobody but another program can be the reason.
_MOST_REPLACEMENTS = 4
# Rows of API clients and secrets that are no longer used go with the next token of any other.
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the token endpoint gave: the token and its life in seconds."""

    token: str
    expires_in: float


def renew_after(expires_in: float) -> float:
    """Seconds after which to renew: a minute early, but never before half of the token's life.

    3CX's documentation shows a life of 60 without its unit; this is right for seconds and for minutes.
    """
    return max(expires_in - _RENEW_EARLY_SECONDS, expires_in / 2)


class SharedToken:
    """Gives the current token; ``ask`` obtains a new one from the phone system.

    ``name`` tells the API client and its secret apart from others: a token got with one secret says nothing about
    another.
    """

    def __init__(
        self, database: Database, encryption: Encryption, name: str, ask: Callable[[], Grant]
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._name = hashlib.sha256(name.encode()).hexdigest()
        self._ask = ask
        self._mutex = threading.Lock()
        self._token: str | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)
        self._replaced: list[float] = []
        self._refused: ConfigurationError | None = None

    def current(self) -> str:
        """A token that should be valid.

        :raises BadCredentials: the phone system refuses the API client.
        :raises PhoneSystemUnavailable: it does not answer.
        """
        with self._mutex:
            if self._is_stale():
                self._load()
            if self._is_stale():
                self._renew(self._token)
            return self._known()

    def replace(self, rejected: str) -> str:
        """Another token than the one 3CX just rejected.

        :raises TokenTakenOver: it is rejected again and again, so another program uses the same API client.
        """
        with self._mutex:
            if self._token != rejected:
                return self._known()
            self._load()
            if self._token != rejected:
                return self._known()
            now = time.monotonic()
            self._replaced = [moment for moment in self._replaced if now - moment < 60] + [now]
            if len(self._replaced) > _MOST_REPLACEMENTS:
                raise taken_over()
            self._renew(rejected)
            return self._known()

    def renew(self) -> str:
        """A token asked for now, whatever is known: proves that the secret is right at this moment."""
        with self._mutex:
            self._load()
            self._renew(self._token)
            return self._known()

    def _is_stale(self) -> bool:
        return self._token is None or datetime.now(UTC) >= self._renew_at

    def _known(self) -> str:
        if self._token is None:
            raise PhoneSystemUnavailable(declared("No access token could be obtained. Tried again later."))
        return self._token

    def _renew(self, rejected: str | None) -> None:
        # Longer than a lease lasts that a dead worker left behind.
        deadline = time.monotonic() + 2 * _LOCK_SECONDS
        holder = leases.new_holder()
        while True:
            try:
                with leases.hold(self._database, f"token:{self._name[:40]}", holder, _LOCK_SECONDS):
                    self._load()
                    if self._is_stale() or self._token == rejected:
                        self._store(self._ask_once())
                    return
            except LeaseHeld:
                if time.monotonic() > deadline:
                    raise PhoneSystemUnavailable(
                        declared(
                            "Another worker has been asking for the access token for too long. Tried again later."
                        )
                    ) from None
                time.sleep(0.1)

    def _ask_once(self) -> Grant:
        """Ask, but never again once refused: 3CX blacklists addresses that insist, and many threads may call."""
        if self._refused is not None:
            raise self._refused
        try:
            return self._ask()
        except ConfigurationError as refused:
            self._refused = refused
            raise

    def _load(self) -> None:
        with self._database.read() as session:
            row = session.get(PhoneSystemToken, self._name)
        if row is not None:
            try:
                self._token, self._renew_at = self._encryption.decrypt(row.token), row.renew_at
            except SecretUnreadable:
                self._token = None

    def _store(self, grant: Grant) -> None:
        now = datetime.now(UTC)
        self._token, self._renew_at = grant.token, now + timedelta(seconds=renew_after(grant.expires_in))
        with self._database.begin() as session:
            session.execute(
                delete(PhoneSystemToken).where(
                    or_(PhoneSystemToken.name == self._name, PhoneSystemToken.renew_at < now - _KEPT)
                )
            )
            session.execute(
                insert(PhoneSystemToken).values(
                    name=self._name,
                    token=self._encryption.encrypt(grant.token),
                    obtained_at=now,
                    renew_at=self._renew_at,
                )
            )


def taken_over() -> TokenTakenOver:
    """The error for a token that keeps being rejected."""
    return TokenTakenOver(
        declared(
            "3CX keeps rejecting the access token: another program uses the same client ID. Create a "
            "separate API client for Rollcall under Integrations > API. The next run continues."
        )
    )
