"""Drafts sealed: rendered, given their headers and made the bytes that leave; when they leave is `dispatch.py`.

The same draft gives the same bytes at any time, on any machine: nothing here looks at a clock or throws dice (law 2). Left out on purpose:
`Precedence` (RFC 3834 section 3.1.8 wants Auto-Submitted, and lists drop what is marked as bulk), `Thread-Index` (a wrong one tears threads
apart in Outlook, which goes by References as everybody does), names of programs and machines. `List-*` stands in notifications only.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.mail import Address, Importance, address_key
from core.outbox import TO_AGENTS, Draft, Purpose, Sealed
from core.refs import references_in_subject
from core.senders import owner_of
from core.setup import Connector, Setup
from core.test_mode import FACT, marked
from gateway.keys import Keys
from gateway.outbound.bodies import File, body, clean_text, text_of_html
from gateway.outbound.closing import with_instructions
from gateway.outbound.headers import (
    address_field,
    clean_id,
    date_field,
    envelope_address,
    id_field,
    language_field,
    one_line,
    plus_tagged,
    text_field,
)

KEPT_REFERENCES = 20
"""Of the thread's ids the first and the last twenty are named (contract section 6)."""

AUTO_SUBMITTED = {
    Purpose.ACKNOWLEDGEMENT: "auto-replied",
    Purpose.NO_ANSWER: "auto-generated",
    Purpose.SPLIT: "auto-generated",
    Purpose.MERGED: "auto-generated",
    Purpose.CASE_LAUNCHED: "auto-generated",
    Purpose.SEND_FAILED: "auto-generated",
    Purpose.ALARM: "auto-generated",
    Purpose.NOTIFICATION: "auto-generated",
    Purpose.DIGEST: "auto-generated",
    Purpose.CONFIRMATION: "auto-replied",
    Purpose.REFUSAL: "auto-replied",
    Purpose.HELD_REPLY: "auto-replied",
}
"""RFC 3834 section 5."""

NULL_SENDER = frozenset({Purpose.SEND_FAILED, Purpose.ALARM})
"""What tells our own people of trouble may not come back as more of it (RFC 5321 section 4.5.5)."""

ANSWERED = frozenset({Purpose.NOTIFICATION, Purpose.CONFIRMATION, Purpose.REFUSAL, Purpose.HELD_REPLY})
"""Mails to our people whose answers are carried out: they come back to an address that names person, item and age."""

UNSUBSCRIBE = "unsubscribe"
"""The fact of a draft that holds the URL which ends such mails with one POST (RFC 8058)."""
LIST = "list"
"""The fact of a draft that says which of the things that people choose to be told it is: mail programs sort by it (RFC 2919)."""

_IMPORTANCE = {Importance.HIGH: ["Importance: high", "X-Priority: 2 (High)"], Importance.LOW: ["Importance: low", "X-Priority: 4 (Low)"]}
_ANSWERS = ("re:", "re :", "aw:", "sv:", "antw:", "ré:", "réf:", "rép:")


def seal(draft: Draft, connector: Connector, setup: Setup, keys: Keys, *, ref: str = "", thread: Sequence[str] = (), files: Sequence[File] = ()) -> Sealed:
    """The draft as it will leave. `ref` is the item's reference ('' without an item).

    `thread`: ids of the item's mails, oldest first, used where the draft brings no references of its own. Takes no more than
    a quarter of a millisecond for an acknowledgement; raises nothing for any text in the draft.
    """
    subject, text, html, note, language = _words(draft, setup, ref)
    subject = marked(subject) if draft.facts.get(FACT) else subject
    message_id = keys.message_id(draft.id, connector.domain)
    sender = _sender(draft, connector, setup)
    mailbox = _mailbox(sender.address, connector, setup)
    text, html = with_instructions(draft, mailbox, setup, ref, text, html, language=language)
    back = _reply_address(draft, sender.address, mailbox, keys, ref)
    lines = [
        date_field(draft.due_at),
        address_field("From", (sender,)),
        *_destinations(draft),
        text_field("Subject", subject),
        f"Message-ID: <{message_id}>",
        *_thread_fields(draft, thread),
    ]
    if back != sender.address:
        lines.append(address_field("Reply-To", (Address(back, sender.name),)))
    if draft.system_generated:
        lines += [f"Auto-Submitted: {AUTO_SUBMITTED[draft.purpose]}", "X-Auto-Response-Suppress: All", language_field("Content-Language", language)]
    lines += _list_fields(draft, sender)
    lines += [*_IMPORTANCE.get(draft.importance, ()), "MIME-Version: 1.0"]
    return Sealed(
        bytes="\r\n".join([*filter(None, lines), ""]).encode("utf-8", "replace") + body(draft.id, text, html, files),
        envelope_from=_envelope_sender(draft, sender.address, back, mailbox, keys),
        message_id=message_id,
        subject=subject,
        text=text,
        html=html,
        attachment_count=sum(not one.inline_id for one in files),
        note=note,
    )


def subject_with_reference(subject: str, ref: str) -> str:
    """The subject with `[ref]` in it once, after a leading `Re:`; unchanged where it has it, or without a reference."""
    subject = one_line(subject)
    if not ref or ref.upper() in references_in_subject(subject):
        return subject
    start = next((len(word) for word in _ANSWERS if subject[: len(word)].lower() == word), 0)
    return " ".join(filter(None, (subject[:start], f"[{ref}]", subject[start:].strip())))


def references(in_reply_to: str, chain: Sequence[str]) -> tuple[str, ...]:
    """What References names: the first id and the last twenty, each once, the one answered last; only ids that can stand there."""
    parent = clean_id(in_reply_to)
    older = dict.fromkeys(found for found in map(clean_id, chain) if found and found != parent)
    ids = (*older, parent) if parent else tuple(older)
    return ids if len(ids) <= KEPT_REFERENCES + 1 else (ids[0], *ids[-KEPT_REFERENCES:])


def _words(draft: Draft, setup: Setup, ref: str) -> tuple[str, str, str, str, str]:
    """Subject, text, HTML, the note about a broken template, and the language of the words."""
    if draft.purpose is Purpose.PERSON or draft.purpose in TO_AGENTS:
        html = clean_text(draft.html)
        return subject_with_reference(draft.subject, ref), clean_text(draft.text) or text_of_html(html), html, "", draft.language
    from gateway.outbound.templates import render  # Jinja2 is imported with the first automatic mail only

    words = render(setup, draft.purpose, draft.language, ref, draft.facts)
    return subject_with_reference(words.subject, ref), clean_text(words.text), clean_text(words.html), words.note, words.language


def _sender(draft: Draft, connector: Connector, setup: Setup) -> Address:
    """From: what the decision said, or the connector's own address under the desk's name."""
    if envelope_address(draft.from_.address):
        return Address(envelope_address(draft.from_.address), draft.from_.name or setup.name)
    return Address(envelope_address(connector.address), setup.name)


def _mailbox(sender: str, connector: Connector, setup: Setup) -> Connector:
    """Whose plus-addresses count: those of the mailbox that answers to From come to, whichever connector takes the mail out (C-GW-02)."""
    return connector if address_key(sender) in connector.keys else owner_of(setup, sender) or connector


def _reply_address(draft: Draft, sender: str, mailbox: Connector, keys: Keys, ref: str) -> str:
    """Where answers go: the signed plus-address where the mailbox has them, else the sender itself."""
    if draft.purpose in ANSWERED and mailbox.tags_replies and address_key(sender) == address_key(mailbox.address):
        return plus_tagged(sender, keys.agent_tag(draft.id)) or sender
    if not mailbox.tags_replies or not ref or address_key(sender) != address_key(mailbox.address):  # an alias was not tested
        return sender
    return plus_tagged(sender, keys.reply_tag(ref)) or sender


def _envelope_sender(draft: Draft, sender: str, back: str, mailbox: Connector, keys: Keys) -> str:
    """Where reports about this one mail go (decisions.md 3): an address of its own where plus-addresses are in force, so that each is tied to its mail.

    It is made from the mailbox's main address, which is the one that was tested, also for an alias of the same domain; SPF speaks for
    the domain of the envelope (RFC 7489 section 3.1.2). Else a person's mail names the address for answers, and automatic mail the null sender.
    """
    plain = "" if draft.system_generated else back
    box = Address(envelope_address(mailbox.address))
    if not mailbox.tags_replies or draft.purpose in NULL_SENDER or box.domain != Address(sender).domain:
        return plain
    return plus_tagged(box.address, keys.bounce_tag(draft.id)) or plain


def _list_fields(draft: Draft, sender: Address) -> list[str]:
    """RFC 2919, RFC 2369 and RFC 8058; only ever names and a URL of ours, which have no blanks and no brackets."""
    if draft.purpose not in TO_AGENTS:
        return []
    name, url = draft.facts.get(LIST, ""), draft.facts.get(UNSUBSCRIBE, "")
    fields = [f"List-Id: <{one_line(name)}.notifications.{sender.domain}>"] if name else []
    return [*fields, f"List-Unsubscribe: <{one_line(url)}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"] if url else fields


def _destinations(draft: Draft) -> list[str]:
    """To and Cc as far as anybody stands there; Bcc is never written. The header is ASCII wherever somebody can be reached without SMTPUTF8."""
    ascii_only = any(envelope_address(one.address.address).isascii() for one in draft.recipients)
    fields = [
        address_field(name, [one.address for one in draft.recipients if one.role == role], ascii_only=ascii_only) for name, role in (("To", "to"), ("Cc", "cc"))
    ]
    return [field for field in fields if field] or ["To: undisclosed-recipients:;"]


def _thread_fields(draft: Draft, thread: Sequence[str]) -> list[str]:
    fields = (id_field("In-Reply-To", (draft.in_reply_to,)), id_field("References", references(draft.in_reply_to, draft.references or thread)))
    return [field for field in fields if field]
