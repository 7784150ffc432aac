"""The LMTP door (RFC 2033): the SMTP door with LHLO for a greeting and one answer for each recipient after the final dot; the rest is `conversation.py`."""

from __future__ import annotations

import asyncio

from gateway.inbound.conversation import VERBS, Conversation
from gateway.inbound.data_reader import DataReader
from gateway.inbound.smtp import SmtpDoor
from gateway.inbound.wire import Gone

EVERYBODY = ("0.0.0.0/0", "::/0")
"""Only our own MTA may reach this door, so no client has limits of its own."""


class LmtpConversation(Conversation):
    """From the greeting to the goodbye with one MTA."""

    door_name = "lmtp"
    protocol = "LMTP"
    verbs = VERBS - {"EHLO", "HELO"} | {"LHLO"}
    """Section 4.1: EHLO and HELO must fail; without being verbs they are answered 500."""
    reply_each = True

    async def smtp_LHLO(self, hostname: str) -> str:
        return self._greeted(hostname, self._offers())

    async def _after_dot(self, content: DataReader) -> str:
        """Section 4.2: one reply for each recipient, in order. It is one stored mail, so they all hear the same, a fault of ours included."""
        assert self.envelope is not None
        recipients = len(self.envelope.rcpt_tos)
        try:
            reply = await super()._after_dot(content)
        except (Gone, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # outer edge: it passes, and every recipient must be told so
            reply = await self.handle_exception(error)
        return "\r\n".join([reply] * recipients)


class LmtpDoor(SmtpDoor):
    """Hands what comes over LMTP to the intake. `start` raises OSError (port or socket in use, certificate not readable)."""

    conversation = LmtpConversation
