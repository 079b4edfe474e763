"""One connection's conversation: a request's bytes in, an answer's bytes out.

No socket is known here, so that every rule can be tried without one. Nothing a client sends makes it raise.
"""

from dataclasses import dataclass, field
from enum import Enum

from services.sandbox.directory import accounts, messages, results
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.faults import Faults
from services.sandbox.directory.messages import (
    ABANDON,
    ANSWERS,
    EXTENDED,
    START_TLS,
    UNBIND,
    BindRequest,
    BrokenRequest,
    ExtendedRequest,
    Message,
    SearchRequest,
    write_notice,
    write_result,
)
from services.sandbox.directory.results import SUCCESS, Result
from services.sandbox.directory.search import BASE, Found, Searches
from shared import ber
from shared.ber import BerError


class Then(Enum):
    """What happens to the connection behind an answer."""

    STAY = "stay"
    CLOSE = "close"
    START_TLS = "start tls"


@dataclass(frozen=True, slots=True)
class Answer:
    """Entries, which faults count, and the messages behind them."""

    entries: list[bytes] = field(default_factory=list)
    rest: list[bytes] = field(default_factory=list)
    then: Then = Then.STAY
    is_search: bool = False


class Session:
    """The state of one connection: who is bound, whether TLS is on, which searches are unfinished."""

    def __init__(
        self, directory: Directory, host_name: str, faults: Faults, *, is_secure: bool, allow_plain: bool
    ) -> None:
        self.is_secure = is_secure
        self._directory = directory
        self._allow_plain = allow_plain
        self._searches = Searches(directory, host_name, faults)
        self._is_bound = False

    def answer(self, data: bytes) -> Answer:
        """The answer to one LDAPMessage, whatever it holds."""
        try:
            message = messages.read(data)
            return self._dispatch(message)
        except BrokenRequest as broken:
            result = results.protocol_error(str(broken))
            return Answer(rest=[write_result(broken.message_id, ANSWERS[broken.tag], result)])
        except BerError as exc:
            return Answer(rest=[write_notice(results.protocol_error(str(exc)))], then=Then.CLOSE)

    def _dispatch(self, message: Message) -> Answer:
        match message.request:
            case BindRequest() as bind:
                return self._result(message, self._bind(bind))
            case SearchRequest() as search:
                found = self._search(message, search)
                return Answer(found.entries, found.rest, is_search=bool(search.base))
            case ExtendedRequest(oid=oid):
                return self._extended(message, oid)
        if message.tag == UNBIND:
            return Answer(then=Then.CLOSE)
        if message.tag == ABANDON:
            # Answers leave whole, so there is never one left to abandon; abandon itself has no answer.
            return Answer()
        return self._result(message, results.READ_ONLY if self._is_bound else results.NOT_BOUND)

    def _bind(self, request: BindRequest) -> Result:
        # RFC 4511 section 4.2.1: a bind that fails leaves the connection anonymous.
        self._is_bound = False
        if request.version != 3:
            return results.protocol_error("only LDAP version 3 is spoken here")
        if request.password is None:
            return results.ONLY_SIMPLE
        if not request.password:
            # RFC 4513 section 5.1.2: a name without a password proves nothing and binds nobody.
            return SUCCESS
        if not (self.is_secure or self._allow_plain):
            return results.PLAIN_BIND
        reason = accounts.refusal(self._directory, request.name, request.password)
        if reason is not None:
            return results.refused_bind(reason)
        self._is_bound = True
        return SUCCESS

    def _search(self, message: Message, request: SearchRequest) -> Found:
        if not request.base and request.scope == BASE:
            return self._searches.root_dse(message.id, request)
        if not self._is_bound:
            return Found(rest=[write_result(message.id, ANSWERS[message.tag], results.NOT_BOUND)])
        try:
            return self._searches.run(message.id, request, message.controls)
        except BerError as exc:
            raise BrokenRequest(message.id, message.tag, str(exc)) from exc

    def _extended(self, message: Message, oid: str) -> Answer:
        if oid != START_TLS:
            return self._result(message, results.protocol_error(f"Unknown extended request OID {oid[:80]}"))
        if self.is_secure:
            return self._result(message, Result(results.Code.OPERATIONS_ERROR, "TLS is on already."))
        name = ber.octets(START_TLS, 0x8A)
        return Answer(
            rest=[write_result(message.id, ANSWERS[EXTENDED], SUCCESS, extra=name)], then=Then.START_TLS
        )

    @staticmethod
    def _result(message: Message, result: Result) -> Answer:
        return Answer(rest=[write_result(message.id, ANSWERS[message.tag], result)])
