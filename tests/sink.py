"""A small SMTP server that takes every mail and remembers it: the outside world of the flow and crash tests."""

from __future__ import annotations

import socketserver
import threading
from collections import Counter
from email import message_from_bytes
from email.message import Message
from email.policy import compat32


class _Session(socketserver.StreamRequestHandler):
    server: Sink

    def handle(self) -> None:
        self._say("220 sink ESMTP")
        recipients: list[str] = []
        for line in self.rfile:
            verb = line.strip().upper()
            if verb.startswith((b"EHLO", b"HELO")):
                self._say("250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb.startswith(b"RCPT"):
                recipient = line.decode("utf-8").partition(":")[2].strip().strip("<>")
                if recipient not in self.server.refused:
                    recipients.append(recipient)
                self._say(self.server.refused.get(recipient, "250 2.1.5 ok"))
            elif verb == b"DATA":
                self._say("354 go")
                self.server.take(self._body(), tuple(recipients))
                recipients = []
                self._say("250 2.0.0 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                recipients = [] if verb.startswith((b"RSET", b"MAIL")) else recipients
                if verb.startswith(b"MAIL"):
                    self.server.session.sender = line.decode("utf-8").partition("<")[2].partition(">")[0]
                self._say("250 2.0.0 ok")

    def _body(self) -> bytes:
        lines: list[bytes] = []
        for line in self.rfile:
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)
        raise ConnectionError("the client left before the final dot")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a loopback port from the start; `mails` holds every mail taken, in order."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.lock = threading.Lock()
        self.session = threading.local()
        """`sender`: the envelope sender of the mail that this thread's session hands over."""
        self.refused: dict[str, str] = {}
        """Recipient → the answer at RCPT."""
        self.raw: list[bytes] = []
        self.recipients: list[tuple[str, ...]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def take(self, raw: bytes, recipients: tuple[str, ...]) -> None:
        """Called by a session with a whole mail."""
        with self.lock:
            self.raw.append(raw)
            self.recipients.append(recipients)

    @property
    def mails(self) -> list[Message]:
        with self.lock:
            return [message_from_bytes(raw, policy=compat32) for raw in self.raw]

    def times_sent(self) -> Counter[str]:
        """How often each Message-ID was taken."""
        return Counter(str(mail["Message-ID"]) for mail in self.mails)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that dies in the middle is what these tests are about."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
