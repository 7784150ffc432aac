"""The envelope of one mail as SMTP commands: MAIL and RCPT with what the server offers for them; talking is `dialogue.py`."""

from __future__ import annotations

from gateway.outbound.headers import envelope_address
from gateway.outbound.port import Outgoing
from gateway.outbound.wire import Wire

NO_UTF8 = "the address is not in ASCII, and the server does not take such addresses (SMTPUTF8)"


class Envelope:
    """For one mail at one server. `dsn`: reports are asked for if the server offers them; the property says whether they are."""

    def __init__(self, wire: Wire, mail: Outgoing, *, dsn: bool) -> None:
        self._wire = wire
        self._mail = mail
        self._utf8 = _needs_utf8(mail)
        self.dsn = dsn and wire.has_extn("dsn")

    @property
    def size_limit(self) -> int:
        """The most bytes that the server takes (RFC 1870), 0 where it names no limit."""
        limit = self._wire.esmtp_features.get("size", "")
        return int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 19 else 0

    def beyond_the_limits(self) -> str:
        """Why the server cannot take this mail by what it announced itself; '' if it can."""
        if 0 < self.size_limit < len(self._mail.data):
            return f"the mail has {len(self._mail.data)} bytes, the server takes {self.size_limit} at the most"
        return NO_UTF8 if _content_needs_utf8(self._mail) and not self._wire.has_extn("smtputf8") else ""

    def beyond_this_server(self, bare: str) -> str:
        """Why one recipient cannot be asked for here; the others can."""
        return "" if bare.isascii() or self._wire.has_extn("smtputf8") else NO_UTF8

    def sender(self) -> str:
        """MAIL with SIZE, BODY and SMTPUTF8 where they are offered and needed; ENVID names the outbox id for reports (RFC 3461)."""
        mail, options = self._mail, []
        if self._wire.has_extn("size"):
            options.append(f"SIZE={len(mail.data)}")
        if not mail.data.isascii() and self._wire.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        if self._utf8 and self._wire.has_extn("smtputf8"):
            options.append("SMTPUTF8")
        if self.dsn and mail.envelope_from:
            options += ["RET=HDRS", f"ENVID={xtext(mail.id)}"]
        return " ".join((f"MAIL FROM:<{envelope_address(mail.envelope_from)}>", *options))

    def recipient(self, bare: str) -> str:
        """RCPT, with a report wanted for delay and failure; none for a mail from nobody. `bare` is an envelope address."""
        options = []
        if self.dsn:
            options.append("NOTIFY=FAILURE,DELAY" if self._mail.envelope_from else "NOTIFY=NEVER")
            if self._mail.envelope_from and bare.isascii():  # what lies beyond ASCII has its own form (RFC 6533), which few servers know
                options.append(f"ORCPT=rfc822;{xtext(bare)}")
        return " ".join((f"RCPT TO:<{bare}>", *options))


def xtext(text: str) -> str:
    """RFC 3461 section 4: printable ASCII as it is, `+`, `=` and everything else as `+` and two hexadecimal digits of each UTF-8 byte."""
    return "".join(chr(byte) if 33 <= byte <= 126 and byte not in b"+=" else f"+{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _needs_utf8(mail: Outgoing) -> bool:
    """RFC 6531: an address or a header field that is not ASCII."""
    return not all(envelope_address(one).isascii() for one in mail.recipients) or _content_needs_utf8(mail)


def _content_needs_utf8(mail: Outgoing) -> bool:
    """Whether nobody can get the mail without SMTPUTF8: its sender or a header field is not ASCII."""
    if not envelope_address(mail.envelope_from).isascii():
        return True
    return not mail.data.isascii() and not mail.data.partition(b"\r\n\r\n")[0].isascii()
