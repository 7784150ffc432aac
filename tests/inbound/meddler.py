"""A proxy before a real IMAP server that cuts connections, refuses commands or hides capabilities as a test says; nothing is tested here."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

Rule = Callable[[bytes], "bytes | int | None"]
"""Client's line → None (let it pass), bytes (answer this instead; `%TAG` is the tag), or how many bytes of the answer pass before all is cut."""


class Meddler:
    """Listens on a free port; use it as a context manager. `lines` are all lines of clients so far, without log-ins' secrets being of interest."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.rules: list[Rule] = []
        self.hidden: tuple[bytes, ...] = ()
        self.lines: list[bytes] = []
        self.connections = 0
        self.pause = 0.0
        """Seconds between two bytes of the server's, from now on."""
        self._open: list[socket.socket] = []
        self._budget: dict[socket.socket, int] = {}

    def __enter__(self) -> Meddler:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection now."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open = []

    def refuse(self, pattern: str, answer: bytes = b"%TAG NO not today\r\n", times: int = 10**9) -> None:
        """Answer commands that match so."""
        self.rules.append(_once(pattern, answer, times))

    def cut_within(self, pattern: str, size: int, times: int = 10**9) -> None:
        """Cut the connection after so many bytes of the answer to commands that match."""
        self.rules.append(_once(pattern, size, times))

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self.connections += 1
                self._open += [client, server]
                threading.Thread(target=self._forth, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as lines:
            for line in lines:
                self.lines.append(line)
                said = next((answer for rule in self.rules if (answer := rule(line)) is not None), None)
                if isinstance(said, bytes):
                    client.sendall(said.replace(b"%TAG", line.split(b" ", 1)[0]))
                    continue
                if isinstance(said, int):
                    self._budget[client] = said
                server.sendall(line)
        _end(client, server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := server.recv(65536):
                for name in self.hidden:
                    block = block.replace(b" " + name, b"")
                for byte in block if self.pause else b"":
                    client.sendall(bytes([byte]))
                    time.sleep(self.pause)
                if self.pause:
                    continue
                budget = self._budget.get(client)
                if budget is not None:
                    client.sendall(block[:budget])
                    self._budget[client] = budget - len(block)
                    if len(block) >= budget:
                        break
                    continue
                client.sendall(block)
        _end(client, server)


def _once(pattern: str, answer: bytes | int, times: int) -> Rule:
    found = re.compile(pattern.encode(), re.IGNORECASE)
    left = [times]

    def rule(line: bytes) -> bytes | int | None:
        if not left[0] or not found.search(line):
            return None
        left[0] -= 1
        return answer

    return rule


def _end(*ends: socket.socket) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
