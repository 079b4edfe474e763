"""Answers searches on one connection: base, scope, filter, pages and limits, as a domain controller does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.sandbox.directory import dirsync, matching, names, paging, results, root_dse, selection
from services.sandbox.directory.directory import Directory
from services.sandbox.directory.entry import Entry, encode_attribute, raw_values
from services.sandbox.directory.faults import Faults
from services.sandbox.directory.messages import (
    SEARCH_DONE,
    Control,
    SearchRequest,
    write_entry,
    write_reference,
    write_result,
)
from services.sandbox.directory.results import SUCCESS, Result

BASE, ONE, SUBTREE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Found:
    """An answer in order: the entries one by one, then what stands behind them."""

    entries: list[bytes] = field(default_factory=list)
    rest: list[bytes] = field(default_factory=list)


class Searches:
    """The searches of one connection, with its unfinished pages."""

    def __init__(self, directory: Directory, host_name: str, faults: Faults) -> None:
        self._directory = directory
        self._host_name = host_name
        self._faults = faults
        self._result_sets = paging.ResultSets()

    def root_dse(self, message_id: int, request: SearchRequest) -> Found:
        """The base search of the empty name, which needs no authentication (MS-ADTS 3.1.1.3.2)."""
        own = root_dse.attributes(self._directory, self._host_name)
        wanted = {name.lower() for name in request.attributes}
        everything = not wanted or bool(wanted & {"*", "+"})
        chosen = [
            encode_attribute(name, () if request.types_only else raw_values(values))
            for name, values in own.items()
            if everything or name.lower() in wanted
        ]
        entry = write_entry(message_id, b"\x04\x00", chosen)
        return Found([entry], [write_result(message_id, SEARCH_DONE, SUCCESS)])

    def run(self, message_id: int, request: SearchRequest, controls: Sequence[Control]) -> Found:
        """Any other search. A malformed control is a ``BerError``."""
        given = {control.oid: control for control in controls}
        known = root_dse.controls(self._directory)
        foreign = [oid for oid, control in given.items() if control.is_critical and oid not in known]
        if foreign:
            return _ended(message_id, results.unsupported_control(foreign[0]))
        if dirsync.OID in given and dirsync.OID in known:
            return self._changes(message_id, request, given[dirsync.OID])
        page = paging.read(given[paging.PAGED_RESULTS]) if paging.PAGED_RESULTS in given else None
        if page is not None and page.cookie:
            results_left = self._result_sets.resume(page.cookie)
            if results_left is None:
                return _ended(message_id, results.FOREIGN_COOKIE)
        else:
            found = self._collect(request, show_deleted=root_dse.SHOW_DELETED in given)
            if isinstance(found, Result):
                return _ended(message_id, found)
            results_left = paging.ResultSet(found)
        code = self._faults.page_code(results_left.pages + 1)
        if code is not None:
            return _ended(message_id, results.fault(code))
        if page is None:
            return self._whole(message_id, request, results_left, root_dse.DOMAIN_SCOPE in given)
        return self._page(message_id, request, results_left, page, root_dse.DOMAIN_SCOPE in given)

    def _changes(self, message_id: int, request: SearchRequest, control: Control) -> Found:
        """What has changed since a cookie, deleted entries among it."""
        try:
            asked = dirsync.read(control, self._directory)
        except dirsync.ForeignCookie:
            return _ended(message_id, results.NO_COOKIE)
        if not asked.may_ask or not self._is_root(request.base):
            return _ended(message_id, results.NO_REPLICATION)
        highest = self._directory.highest_usn
        found = self._collect(request, show_deleted=True)
        if isinstance(found, Result):
            return _ended(message_id, found)
        answer = dirsync.answer(self._directory, asked, found, request.attributes, highest)
        entries = [write_entry(message_id, dn, attributes) for dn, attributes in answer.entries]
        return Found(entries, [write_result(message_id, SEARCH_DONE, SUCCESS, controls=answer.control)])

    def _collect(self, request: SearchRequest, *, show_deleted: bool) -> list[Entry] | Result:
        try:
            base = self._directory.find(request.base)
            if base is None and names.key(request.base) == names.key(
                root_dse.service_name(self._directory, self._host_name)
            ):
                return [root_dse.service(self._directory, self._host_name)]
        except names.InvalidName:
            return results.bad_name()
        if base is None or (base.is_deleted and not show_deleted):
            return results.no_such_object(self._nearest(request.base))
        if self._faults.strikes_empty():
            return []
        entries = self._directory.partition(base)
        matches = matching.compile_filter(request.filter, entries, self._directory.base_dn)
        depth = len(base.key)
        if request.scope == BASE:
            inside: Sequence[Entry] = (base,)
        elif request.scope == ONE:
            inside = [
                entry for entry in entries if len(entry.key) == depth + 1 and entry.key[:depth] == base.key
            ]
        else:
            inside = [entry for entry in entries if entry.key[:depth] == base.key]
        return [entry for entry in inside if (show_deleted or not entry.is_deleted) and matches(entry)]

    def _whole(
        self, message_id: int, request: SearchRequest, found: paging.ResultSet, domain_scope: bool
    ) -> Found:
        """Without pages nobody gets more than MaxPageSize entries (MS-ADTS 3.1.1.3.4.6), nor more than they asked for."""
        limit = min(request.size_limit or paging.MAX_PAGE_SIZE, paging.MAX_PAGE_SIZE)
        entries = found.take(limit)
        if not found.is_finished:
            return self._answer(message_id, request, entries, results.SIZE_LIMIT)
        return self._answer(message_id, request, entries, SUCCESS, references=not domain_scope)

    def _page(
        self,
        message_id: int,
        request: SearchRequest,
        found: paging.ResultSet,
        page: paging.PageRequest,
        domain_scope: bool,
    ) -> Found:
        if page.size == 0 and page.cookie:
            # RFC 2696 section 3: so a client gives up the rest.
            return self._answer(message_id, request, [], SUCCESS, cookie=b"")
        size = min(page.size or paging.MAX_PAGE_SIZE, paging.MAX_PAGE_SIZE)
        left = request.size_limit - found.sent if request.size_limit else size
        entries = found.take(min(size, max(left, 0)))
        found.pages += 1
        if found.is_finished:
            return self._answer(
                message_id, request, entries, SUCCESS, cookie=b"", references=not domain_scope
            )
        if left <= size and request.size_limit:
            return self._answer(message_id, request, entries, results.SIZE_LIMIT, cookie=b"")
        return self._answer(message_id, request, entries, SUCCESS, cookie=self._result_sets.keep(found))

    def _answer(
        self,
        message_id: int,
        request: SearchRequest,
        entries: Sequence[Entry],
        result: Result,
        *,
        cookie: bytes | None = None,
        references: bool = False,
    ) -> Found:
        select = selection.selection(request.attributes, request.types_only)
        encoded = [write_entry(message_id, entry.encoded_dn, select(entry)) for entry in entries]
        controls = b"" if cookie is None else paging.write(cookie)
        done = write_result(message_id, SEARCH_DONE, result, controls=controls)
        if references and request.scope == SUBTREE and self._is_root(request.base):
            # A search of the whole domain names the partitions it did not look into.
            url = f"ldap://{self._directory.domain}/CN=Configuration,{self._directory.base_dn}"
            return Found(encoded, [write_reference(message_id, url), done])
        return Found(encoded, [done])

    def _is_root(self, base: str) -> bool:
        found = self._directory.find(base)
        return found is not None and found.dn == self._directory.base_dn

    def _nearest(self, dn: str) -> str:
        """The lowest ancestor that exists; empty for a name outside the domain."""
        while dn and not dn.startswith("<"):
            dn = names.parent(dn)
            found = self._directory.find(dn)
            if found is not None:
                return found.dn
        return ""


def _ended(message_id: int, result: Result) -> Found:
    return Found([], [write_result(message_id, SEARCH_DONE, result)])
