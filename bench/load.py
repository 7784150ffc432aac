"""Sends .eml files over several SMTP connections as fast as the server takes them; bytes are prepared before the clock runs."""

from __future__ import annotations

import argparse
import json
import queue
import socket
import threading
import time
from pathlib import Path


def stuffed(raw: bytes) -> bytes:
    """The content as it goes over the wire: CRLF lines, dots doubled, the final dot."""
    body = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    body = body.replace(b"\r\n.", b"\r\n..")
    return (b"." + body if body.startswith(b".") else body) + b".\r\n"


class Session:
    """One SMTP connection that sends mail after mail, pipelined as far as DATA."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._sock.makefile("rb")
        self._expect(b"220")
        self._sock.sendall(b"EHLO load.example\r\n")
        self._expect(b"250")

    def _expect(self, code: bytes) -> None:
        while True:
            line = self._replies.readline()
            if not line.startswith(code):
                raise RuntimeError(f"expected {code.decode()}, got {line!r}")
            if line[3:4] == b" ":
                return

    def send(self, sender: str, recipient: str, wire: bytes) -> None:
        """One mail, to its 250."""
        self._sock.sendall(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        self._expect(b"250")
        self._expect(b"250")
        self._expect(b"354")
        self._sock.sendall(wire)
        self._expect(b"250")

    def quit(self) -> None:
        self._sock.sendall(b"QUIT\r\n")
        self._sock.close()


def feed(port: int, mails: list[tuple[str, bytes]], recipient: str, connections: int) -> float:
    """Send all mails (sender, wire bytes) in order over some connections; seconds from the first byte to the last 250."""
    work: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
    for mail in mails:
        work.put(mail)
    for _ in range(connections):
        work.put(None)
    faults: list[BaseException] = []

    def run() -> None:
        try:
            session = Session(port)
            while (mail := work.get()) is not None:
                session.send(mail[0], recipient, mail[1])
            session.quit()
        except (OSError, RuntimeError) as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if faults:
        raise faults[0]
    return took


def read_corpus(folder: Path, only: str = "", replace: dict[str, str] | None = None) -> list[tuple[str, bytes]]:
    """Sender and wire bytes of the mails of a folder made by `corpus.py`; `only` is `first` (no replies) or `replies`."""
    mails = []
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if only and (only == "replies") != (entry["kind"] == "reply"):
            continue
        raw = (folder / "eml" / entry["file"]).read_bytes()
        for token, reference in (replace or {}).items() if entry["kind"] == "reply" else ():
            raw = raw.replace(token.encode(), reference.encode())
        mails.append(("" if entry["kind"] == "dsn" else entry["sender"], stuffed(raw)))
    return mails


def main() -> None:
    """Feed one folder and print the seconds as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", default="support@desk.example.com")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--only", default="", choices=["", "first", "replies"])
    parser.add_argument("--replace", type=Path, help="JSON file: token → reference")
    asked = parser.parse_args()
    replace = json.loads(asked.replace.read_text()) if asked.replace else None
    mails = read_corpus(asked.folder, asked.only, replace)
    print(json.dumps({"n": len(mails), "secs": feed(asked.port, mails, asked.to, asked.connections)}))


if __name__ == "__main__":
    main()
