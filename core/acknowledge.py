"""The acknowledgement of a new item: the draft, or the reason against it (contract section 6, decisions.md 9); reasons shared by all such mails are `automatic.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core import automatic
from core.blocking import blocked
from core.brakes import Lately, why_held
from core.language import language_of
from core.mail import Address, Mail
from core.mail_facts import MailFacts
from core.outbox import Draft, Purpose, Recipient
from core.senders import answering
from core.setup import Setup
from core.test_mode import is_test_contact
from core.verdict import Classification, TraceStep, Verdict
from core.work_item import WorkItem

MOST_CC = 10
"""Known contacts of the sender's company that get a copy."""

STEP = "acknowledge"
FORGED = "DMARC failed: the sender may be forged"
NOT_IN_RETURN = "not in return for this"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question whether an item opened by a mail is acknowledged. `already` counts those to the same sender in this decision."""

    item: WorkItem
    verdict: Verdict
    classification: Classification
    mail: Mail
    facts: MailFacts
    setup: Setup
    already: int = 0

    @property
    def lately(self) -> Lately:
        """With what this decision has queued before."""
        lately = self.facts.lately
        return Lately(lately.item, lately.sender + self.already, lately.over_hour)


def acknowledgement(asked: Asked, draft_id: str, now: datetime) -> tuple[Draft | None, TraceStep]:
    """The draft, or None, and the reason for the trace. Above the hourly brake the draft is held for a person to release."""
    refused = _archive(asked) or automatic.why_refused(_question(asked))
    check = asked.verdict.recipient
    if refused:
        return None, TraceStep(STEP, check, "none", refused)
    held = why_held(asked.facts.brakes, asked.lately)
    draft = _draft(asked, draft_id, held, now)
    return draft, TraceStep(STEP, check, "held" if held else "queued", held or f"to {draft.recipients[0].address.address}")


# ---------------------------------------------------------------- reasons against it


def _archive(asked: Asked) -> str:
    return "imported as archive: nothing automatic" if asked.facts.archive else ""


def _question(asked: Asked) -> automatic.Asked:
    return automatic.Asked(
        item=asked.item,
        person=asked.mail.author,
        setup=asked.setup,
        connector=asked.verdict.connector,
        unwanted=_unwanted(asked),
        doubt=_doubt(asked),
        suppressed=asked.facts.suppressed,
        brakes=asked.facts.brakes,
        lately=asked.lately,
    )


def _unwanted(asked: Asked) -> str:
    if asked.verdict.created_by:
        return "one of our people opened it for somebody else, and knows that it is here"
    return "" if asked.verdict.send_automated_emails else "the route sends no automatic mail, or the sender is blocked"


def _doubt(asked: Asked) -> str:
    if not asked.classification.may_answer:
        return f"{NOT_IN_RETURN}: {'; '.join(asked.classification.reasons)}"
    return FORGED if asked.facts.dmarc_failed else ""


# ---------------------------------------------------------------- the draft


def _draft(asked: Asked, draft_id: str, held: str, now: datetime) -> Draft:
    mail, item, setup = asked.mail, asked.item, asked.setup
    sender = answering(setup, asked.verdict.connector, asked.verdict.reply_from)
    author = mail.author
    assert sender is not None and author is not None  # or there were a reason against it
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=Purpose.ACKNOWLEDGEMENT,
        connector=sender.connector.name,
        from_=sender.named(setup.name),
        recipients=(Recipient(author if _vouched(asked) else Address(author.address)), *(Recipient(address, "cc") for address in _copies(asked, author))),
        due_at=now,
        in_reply_to=mail.message_id,
        references=tuple(dict.fromkeys((*mail.references, mail.message_id))) if mail.message_id else (),
        language=item.language or setup.language,
        hold_reason=held,
        facts=_shown(asked, author),
    )


def doubt_in(trace: Iterable[TraceStep]) -> str:
    """Why the sender of a mail got no acknowledgement because of what the mail was, as its trace says; '' where that was not the reason.

    What spoke against the acknowledgement speaks against every later automatic mail in return for the same mail.
    """
    refused = (step.because for step in trace if step.step == STEP and step.outcome == "none")
    return next((because for because in refused if because == FORGED or because.startswith(NOT_IN_RETURN)), "")


def _vouched(asked: Asked) -> bool:
    return asked.facts.sender_known or asked.facts.authenticated


def _shown(asked: Asked, author: Address) -> dict[str, str]:
    """A stranger's words are not sent to an address that may not be his: subject, title and name only where somebody vouches for it (decisions.md 9)."""
    vouched = _vouched(asked)
    facts = automatic.shown(asked.item, asked.setup, author, vouched=vouched)
    return {**facts, "subject": asked.mail.subject[: automatic.SHOWN]} if vouched and asked.mail.subject else facts


def _copies(asked: Asked, author: Address) -> Iterator[Address]:
    """Cc only to known contacts of the sender's own company (decisions.md 9)."""
    company = asked.item.company
    given = 0
    for address in asked.mail.cc if company else ():
        wanted = asked.facts.known_people.get(address.key) == company and address.key != author.key
        wanted = wanted and (not asked.item.test or is_test_contact(asked.setup, address.address))
        unwanted = asked.setup.is_ours(address.address) or address.key in asked.facts.suppressed or blocked(asked.setup, address.key) is not None
        if wanted and given < MOST_CC and not unwanted:
            given += 1
            yield address


def language_for(mail: Mail, setup: Setup) -> str:
    """The language an item speaks: that of the mail if it is clearly one of ours, else the desk's."""
    return language_of(f"{mail.subject}\n{mail.new_text or mail.text}") or setup.language
