"""The conversation with a server as people may read it: bounded, printable and without secrets; who talks is beside this.

Hidden twice over: by place (whatever a client says in a log-in) and by value (each secret, plain, quoted or in base64), for servers repeat things.
"""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import quote

HIDDEN = "«hidden»"
MAX_LINES = 400
MAX_LINE = 400
_COMMANDS = re.compile(r"((?:\S{1,40} )?(?:AUTHENTICATE|AUTH) \S{1,40}|\S{1,40} LOGIN \S{1,200}|PASS|APOP \S{1,200}) .*", re.IGNORECASE | re.DOTALL)
"""What may stay of a command that logs in: everything before the secret."""
_ASKS = re.compile(r"(?:\+|334)(?: .*)?", re.DOTALL)
"""The server asks for the next part of a log-in (RFC 3501 section 6.2.2, RFC 4954, RFC 5034)."""
_ENDING = re.compile(r"\r?\n")


class Protocol:
    """Takes what was said, in order. `lines` may be shown to anybody who may administer the connector."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._secrets: tuple[str, ...] = ()
        self._asked = False

    def keep_secret(self, *secrets: str, users: tuple[str, ...] = ()) -> None:
        """From now on none of these is shown, in any of the forms in which they travel; `users` are the names that travel with them."""
        forms = {form for secret in secrets if secret for form in _forms(secret, users)}
        self._secrets = tuple(sorted({*self._secrets, *forms}, key=len, reverse=True))

    def client(self, said: bytes) -> None:
        """We said this."""
        if not said.strip():
            return
        for line in _ENDING.split(said.decode("utf-8", "replace").rstrip("\r\n")):
            hidden = HIDDEN if self._asked else _COMMANDS.sub(rf"\1 {HIDDEN}", line)
            self._write("C", hidden)
        self._asked = False

    def server(self, said: bytes) -> None:
        """The server said this."""
        for line in _ENDING.split(said.decode("utf-8", "replace").rstrip("\r\n")):
            self._asked = _ASKS.fullmatch(line) is not None
            self._write("S", line)

    def note(self, what: str) -> None:
        """Something happened that is not words: TLS began, the connection ended."""
        self._write("-", what)

    def hidden(self, text: str) -> str:
        """The text without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _write(self, who: str, line: str) -> None:
        if len(self.lines) < MAX_LINES:
            shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in self.hidden(line))
            self.lines.append(f"{who}: {shown[:MAX_LINE]}{'…' if len(shown) > MAX_LINE else ''}")
        elif len(self.lines) == MAX_LINES:
            self.lines.append("-: the rest is left out")


def _forms(secret: str, users: tuple[str, ...]) -> set[str]:
    """A secret as it may travel: as it is, quoted (RFC 3501 section 4.3), in a URL, in base64, alone or within a log-in (RFC 4616, XOAUTH2, RFC 7628)."""
    forms = {secret, secret.replace("\\", "\\\\").replace('"', '\\"'), quote(secret, safe=""), _b64(secret)}
    for user in users:
        forms |= {_b64(f"{other}\0{user}\0{secret}") for other in ("", *users)} | {_b64(f"user={user}\1auth=Bearer {secret}\1\1")}
    return forms


def _b64(text: str) -> str:
    return b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
