"""Name servers of a domain on loopback: they answer what a test wrote down, and remember what they were asked."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """``records`` by name and type (``"_ldap._tcp.x SRV"``), as text; a name that is not there does not exist.

    While ``is_silent`` nothing is answered.
    """

    def __init__(self, records: Mapping[str, Sequence[str]]) -> None:
        self.records = dict(records)
        self.asked: list[str] = []
        self.is_silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                data, sender = self._socket.recvfrom(4096)
                if not data:
                    return
                query = dns.message.from_wire(data)
                name = query.question[0].name.to_text(omit_final_dot=True).lower()
                kind = dns.rdatatype.to_text(query.question[0].rdtype)
                self.asked.append(f"{name} {kind}")
                if not self.is_silent:
                    self._socket.sendto(self._answer(query, name, kind), sender)

    def _answer(self, query: dns.message.Message, name: str, kind: str) -> bytes:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        found = self.records.get(f"{name} {kind}")
        if found:
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", kind, found))
        elif not any(key.partition(" ")[0] == name for key in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire()


@contextmanager
def name_server(records: Mapping[str, Sequence[str]]) -> Iterator[NameServer]:
    """One that answers."""
    server = NameServer(records)
    try:
        yield server
    finally:
        server.stop()
