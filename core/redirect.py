"""The envelope of a test system: every mail goes to the desk's `redirect_all` instead of its recipients (C-GW-05); who decides it is the dispatcher.

It is decided anew for every attempt, so that nothing that was queued before escapes. The bytes stay as they are: To and Cc still name whom the mail was for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.delivery import Delivery
from core.mail import address_key
from core.outbox import Outcome

SPEAKS = (Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.TEMPORARY, Outcome.PENDING, Outcome.BOUNCED, Outcome.PERMANENT)
"""Which outcome among the redirect addresses speaks for the mail: the first of these that occurs. One that has it is enough: it is a test system."""


def envelope(redirect_all: Sequence[str], people: Sequence[str]) -> tuple[str, ...]:
    """Whom an attempt is really for: the redirect addresses where there are any, else the recipients themselves."""
    return tuple({address_key(one): one for one in redirect_all}.values()) if people and redirect_all else tuple(people)


def answered(delivery: Delivery, people: Iterable[str], redirected: Sequence[str]) -> Delivery:
    """The answer for those the mail was written to, from the answer of the envelope it went to: the same outcome for each, and words that say so.

    `redirected` empty: it was not redirected, and the answer stays. So does trouble with the connector, where nobody was asked.
    """
    if not redirected or delivery.trouble is not None:
        return delivery
    outcome, words = _spoken(delivery, redirected)
    said = f"redirected to {', '.join(redirected)}: {words}" if words else f"redirected to {', '.join(redirected)}"
    return replace(delivery, recipients={address_key(one): (outcome, said) for one in people})


def _spoken(delivery: Delivery, redirected: Sequence[str]) -> tuple[Outcome, str]:
    given = [delivery.recipients.get(address_key(one), (Outcome.PENDING, "")) for one in redirected]
    return min(given, key=lambda one: SPEAKS.index(one[0]))
