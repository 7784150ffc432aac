"""A mail sent through the routes once more with matching disabled: whatever it points to is not looked at (B-CO-07); who asks decides what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from core.brakes import Brakes
from core.mail import Envelope, Mail
from core.setup import Setup
from core.verdict import Verdict
from gateway.inbound.facts import FactReader
from gateway.keys import Keys
from gateway.routing.facts import Facts
from gateway.routing.opening import open_by_route
from gateway.routing.walk import Walk


class _NoSignatures(Keys):
    """Signs nothing and knows no signature: with matching disabled none is looked for."""

    def verified_message_id(self, message_id: str) -> str:
        return ""

    def verified_reply_tag(self, tag: str) -> str:
        return ""

    def verified_bounce_tag(self, tag: str) -> str:
        return ""

    def verified_agent_tag(self, tag: str) -> str:
        return ""


_READER = FactReader(_NoSignatures((bytes(32),)), Brakes())


def rerouted(connection: Connection, inbound_id: str, mail: Mail, envelope: Envelope, recipient: str, setup: Setup, now: datetime) -> Verdict:
    """What the routes say for one recipient ('' or one that is no longer ours: the first that is). Nothing is written."""
    author = _READER.author(mail, envelope, setup, None)
    plain = replace(author.mail, report=None, in_reply_to=(), references=())
    facts = unmatched(_READER.read(connection, inbound_id, plain, envelope, setup, now, checked=author.authentication, said=author.said).facts)
    chosen = next((one for one in facts.recipients if recipient in (one.key, one.base)), next(iter(facts.recipients), None))
    return open_by_route(Walk(plain, envelope, facts), chosen)


def unmatched(facts: Facts) -> Facts:
    """The facts without anything that a mail can point to."""
    return replace(facts, signed=frozenset(), known={}, by_ref={}, targets={}, taken={}, is_own=False, own=None, returned=None, answered=None)
