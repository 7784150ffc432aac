"""A DNS server of the tests on loopback, UDP and TCP: zones as a table, and whatever a server can do wrong."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

LARGEST_UDP = 512
SILENT, SERVFAIL = "SILENT", "SERVFAIL"
"""Instead of records: no answer at all, or a failure."""

Zones = Mapping[tuple[str, str], Sequence[str] | str]


class DnsServer:
    """Answers from `zones`: (name, type) → records as text, or SILENT, or SERVFAIL; `*.name` is a wildcard. `asked` are all questions in order."""

    def __init__(self, zones: Zones | None = None) -> None:
        self.zones: dict[tuple[str, str], Sequence[str] | str] = dict(zones or {})
        self.asked: list[tuple[str, str]] = []
        self.over_tcp = 0
        server = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                answer = server.answer(data, udp=True)
                if answer is not None:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                head = self.request.recv(2)
                if len(head) < 2:
                    return
                answer = server.answer(self.request.recv(struct.unpack("!H", head)[0]), udp=False)
                server.over_tcp += 1
                if answer is not None:
                    self.request.sendall(struct.pack("!H", len(answer)) + answer)

        self._tcp = _ThreadingTcp(("127.0.0.1", 0), Tcp)
        self.port = int(self._tcp.server_address[1])
        self._udp = _ThreadingUdp(("127.0.0.1", self.port), Udp)
        for one in (self._tcp, self._udp):
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        for one in (self._tcp, self._udp):
            one.shutdown()
            one.server_close()

    def answer(self, data: bytes, *, udp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        found, exists = self._records(name, kind)
        if found == SILENT:
            return None
        if found == SERVFAIL:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, list(found)))
        elif not exists:
            response.set_rcode(dns.rcode.NXDOMAIN)
        wire = response.to_wire(max_size=65_535)
        if udp and len(wire) > LARGEST_UDP:
            short: Any = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return bytes(short.to_wire())
        return bytes(wire)

    def _records(self, name: str, kind: str) -> tuple[Sequence[str] | str, bool]:
        for one in (name, *(f"*.{name.split('.', depth)[-1]}" for depth in range(1, name.count(".") + 1))):
            exists = any(known == one for known, _ in self.zones)
            if exists:
                return self.zones.get((one, kind), ()), True
        return (), any(known.endswith(f".{name}") for known, _ in self.zones)


class _ThreadingTcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = socket.AF_INET


class _ThreadingUdp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 4096


def text(value: str) -> str:
    """A TXT record of any length, in pieces of 255 bytes."""
    return " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255)) or '""'
