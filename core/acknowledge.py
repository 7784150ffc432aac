"""The acknowledgement of a new item: every reason against it in the order they are asked, and the draft if none holds (contract section 6, decisions.md 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core.brakes import Lately, why_held, why_not
from core.language import language_of
from core.mail import Address, Mail
from core.mail_facts import MailFacts
from core.outbox import Draft, Purpose, Recipient
from core.setup import Setup
from core.test_mode import is_test_contact, strangers
from core.verdict import Classification, TraceStep, Verdict
from core.work_item import WorkItem

MOST_CC = 10
"""Known contacts of the sender's company that get a copy."""

STEP = "acknowledge"


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
    refused = next((because for because in (reason(asked) for reason in REASONS) if because), "")
    check = asked.verdict.recipient
    if refused:
        return None, TraceStep(STEP, check, "none", refused)
    held = why_held(asked.facts.brakes, asked.lately)
    draft = _draft(asked, draft_id, held, now)
    return draft, TraceStep(STEP, check, "held" if held else "queued", held or f"to {draft.recipients[0].address.address}")


# ---------------------------------------------------------------- reasons against it


def _archive(asked: Asked) -> str:
    return "imported as archive: nothing automatic" if asked.facts.archive else ""


def _not_wanted(asked: Asked) -> str:
    return "" if asked.verdict.send_automated_emails else "the route sends no automatic mail, or the sender is blocked"


def _automatic(asked: Asked) -> str:
    return "" if asked.classification.may_answer else f"not in return for this: {'; '.join(asked.classification.reasons)}"


def _forged(asked: Asked) -> str:
    return "DMARC failed: the sender may be forged" if asked.facts.dmarc_failed else ""


def _unwritable(asked: Asked) -> str:
    return "" if asked.mail.author is not None and writable(asked.mail.author.address) else "there is no address to write to"


def _stranger_to_tests(asked: Asked) -> str:
    """E-47: rather not sent than sent to somebody who knows nothing of a test."""
    if not asked.item.test or asked.mail.author is None or not strangers(asked.setup, (asked.mail.author,)):
        return ""
    return f"a test item: it mails nobody but test contacts, and {asked.mail.author.address} is none"


def _suppressed(asked: Asked) -> str:
    return "mail to this address came back" if asked.facts.sender_key in asked.facts.suppressed else ""


def _voiceless(asked: Asked) -> str:
    return "" if asked.setup.speaker(asked.verdict.connector) is not None else "no connector of ours sends mail"


def _braked(asked: Asked) -> str:
    return why_not(asked.facts.brakes, asked.lately)


REASONS: tuple[Callable[[Asked], str], ...] = (_archive, _not_wanted, _automatic, _forged, _unwritable, _stranger_to_tests, _suppressed, _voiceless, _braked)
"""Each answers '' or why there is no acknowledgement; the first that does is told."""


# ---------------------------------------------------------------- the draft


def _draft(asked: Asked, draft_id: str, held: str, now: datetime) -> Draft:
    mail, item, setup = asked.mail, asked.item, asked.setup
    connector = setup.speaker(asked.verdict.connector)
    author = mail.author
    assert connector is not None and author is not None  # _voiceless, _unwritable
    own = connector.name == asked.verdict.connector and asked.verdict.reply_from
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=Purpose.ACKNOWLEDGEMENT,
        connector=connector.name,
        from_=Address(asked.verdict.reply_from if own else connector.address, setup.name),
        recipients=(Recipient(author), *(Recipient(address, "cc") for address in _copies(asked, author))),
        due_at=now,
        in_reply_to=mail.message_id,
        references=tuple(dict.fromkeys((*mail.references, mail.message_id))) if mail.message_id else (),
        language=item.language or setup.language,
        hold_reason=held,
        facts=_shown(asked),
    )


def _shown(asked: Asked) -> dict[str, str]:
    """A stranger's words are not sent to an address that may not be his: the subject only where somebody vouches for it (decisions.md 9)."""
    vouched = asked.facts.sender_known or asked.facts.authenticated
    return {"subject": asked.mail.subject[:500], "title": asked.item.title} if vouched and asked.mail.subject else {}


def _copies(asked: Asked, author: Address) -> Iterator[Address]:
    """Cc only to known contacts of the sender's own company (decisions.md 9)."""
    company = asked.item.company
    given = 0
    for address in asked.mail.cc if company else ():
        wanted = asked.facts.known_people.get(address.key) == company and address.key != author.key
        wanted = wanted and (not asked.item.test or is_test_contact(asked.setup, address.address))
        if wanted and given < MOST_CC and not asked.setup.is_ours(address.address) and address.key not in asked.facts.suppressed:
            given += 1
            yield address


def writable(address: str) -> bool:
    """Whether mail can be sent to an address as it was written: two parts, no blanks or controls, not over-long (RFC 5321 section 4.5.3.1)."""
    local, at, domain = address.rpartition("@")
    well = bool(at and local and domain) and len(local) <= 64 and len(address) <= 254 and address.isprintable()
    return well and not any(char in address for char in ' <>(),;:"[]\\') and "@" not in local and not domain.startswith((".", "-")) and ".." not in address


def language_for(mail: Mail, setup: Setup) -> str:
    """The language an item speaks: that of the mail if it is clearly one of ours, else the desk's."""
    return language_of(f"{mail.subject}\n{mail.new_text or mail.text}") or setup.language
