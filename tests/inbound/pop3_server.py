"""A POP3 server that does what a test says: without UIDL or TOP, with broken answers, closing where it hurts."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Callable
from types import TracebackType

Answer = bytes | Callable[["Pop3Server", str], bytes | None] | None


class Pop3Server:
    """One mailbox on a loopback port; use it as a context manager. `mails`: UIDL → bytes, changed as one likes between sessions.

    `replies`: command (`RETR 2`, or `RETR` for all) → what is sent instead; None closes the connection. `said` is what clients said.
    """

    def __init__(self, mails: dict[str, bytes] | None = None, replies: dict[str, Answer] | None = None) -> None:
        self.mails = dict(mails or {})
        self.replies: dict[str, Answer] = dict(replies or {})
        self.said: list[str] = []
        self.tokens = {"good"}
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                owner._serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is no fault."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Pop3Server:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def count(self, verb: str) -> int:
        """How often a command was said."""
        return sum(1 for line in self.said if line.split(" ")[0] == verb)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        listed = list(self.mails.items())
        deleted: set[int] = set()
        handler.wfile.write(b"+OK hello\r\n")
        while line := handler.rfile.readline():
            command = line.strip().decode("utf-8", "replace")
            self.said.append(command)
            verb, _, rest = command.partition(" ")
            special = self.replies.get(command, self.replies.get(verb, b""))
            if callable(special):
                special = special(self, command)
            if special is None:
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
            if special:
                handler.wfile.write(special)
                continue
            if verb == "AUTH":
                handler.wfile.write(b"+ \r\n")
                token = base64.b64decode(handler.rfile.readline()).decode().split("Bearer ")[1].split("\x01")[0]
                if token in self.tokens:
                    handler.wfile.write(b"+OK\r\n")
                else:
                    handler.wfile.write(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
                    handler.rfile.readline()
                    handler.wfile.write(b"-ERR [AUTH] Authentication failure\r\n")
                continue
            if verb == "QUIT":
                for number in deleted:
                    self.mails.pop(listed[number - 1][0], None)
                handler.wfile.write(b"+OK bye\r\n")
                return
            handler.wfile.write(self._answer(verb, rest, listed, deleted))

    def _answer(self, verb: str, rest: str, listed: list[tuple[str, bytes]], deleted: set[int]) -> bytes:
        if verb in ("USER", "PASS"):
            return b"+OK\r\n"
        if verb == "LIST":
            return _many(f"{number} {len(raw)}" for number, (_, raw) in enumerate(listed, 1))
        if verb == "UIDL":
            return _many(f"{number} {name}" for number, (name, _) in enumerate(listed, 1))
        number = int(rest.split()[0]) if rest[:1].isdigit() else 0
        if not 1 <= number <= len(listed) or number in deleted:
            return b"-ERR no such message\r\n"
        raw = listed[number - 1][1]
        if verb == "DELE":
            deleted.add(number)
            return b"+OK\r\n"
        if verb == "TOP":
            raw = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        body = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in raw.removesuffix(b"\r\n").split(b"\r\n"))
        return b"+OK\r\n" + body + b".\r\n"


def _many(lines: object) -> bytes:
    return "".join(f"{line}\r\n" for line in ["+OK", *lines, "."]).encode()  # type: ignore[misc]
