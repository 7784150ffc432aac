"""What a letter has to do with the mail it is about: recipients, subject, thread, and to whom it is quoted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.conversation import Conversation
from core.mail import Address
from core.original import MANNERS, LetterKind, Original, preset_recipients, subject_about
from core.outbox import Draft
from core.refusal import Refused
from core.writing import Letter, write_mail
from tests.core.people import NOW, SETUP, came, carl, made, scene

CARL, BOSS, KIM = Address("carl@acme.example", "Carl Customer"), Address("boss@acme.example", "Boss"), Address("kim@other.example")
OURS = Address("help@demo.example")
MAIL = Original(
    "in-7",
    NOW - timedelta(hours=3),
    "seven@acme.example",
    "Printer on fire",
    CARL,
    to=(OURS, BOSS),
    cc=(KIM, CARL),
    text="It burns.\n> Does it?",
    had=frozenset({CARL.key, BOSS.key, KIM.key, OURS.key}),
)
TALK = Conversation(contacts=(carl(),), last_mail=came(), references=("first@acme.example", "seven@acme.example", "last@acme.example"))


def write(kind: str, original: Original | None = MAIL, talk: Conversation = TALK, *, item: Any = None, **letter: Any) -> Draft:
    """A letter of a kind about the mail."""
    asked = Letter(**{"text": "Hello.", "kind": LetterKind(kind), **letter})
    (draft,) = write_mail(item or made(), asked, scene(), talk, draft_id="o-9", original=original).mails
    return draft


def named(people: tuple[Address, ...]) -> list[str]:
    return [one.address for one in people]


PRESETS: list[tuple[str, LetterKind, dict[str, Any], list[str], list[str]]] = [
    ("reply", LetterKind.REPLY, {}, ["carl@acme.example"], []),
    ("reply to Reply-To", LetterKind.REPLY, {"reply_to": (BOSS,)}, ["boss@acme.example"], []),
    ("reply all", LetterKind.REPLY_ALL, {}, ["carl@acme.example", "boss@acme.example"], ["kim@other.example"]),
    ("reply all, Reply-To instead of the sender", LetterKind.REPLY_ALL, {"reply_to": (BOSS,)}, ["boss@acme.example"], ["kim@other.example"]),
    ("reply all, each once", LetterKind.REPLY_ALL, {"cc": (Address("Boss@ACME.example"), KIM)}, ["carl@acme.example", "boss@acme.example"], ["kim@other.example"]),
    ("reply to our own mail", LetterKind.REPLY, {"ours": True, "author": OURS, "to": (CARL,), "cc": (BOSS,)}, ["carl@acme.example"], []),
    ("reply all to our own mail", LetterKind.REPLY_ALL, {"ours": True, "author": OURS, "to": (CARL,), "cc": (BOSS,)}, ["carl@acme.example"], ["boss@acme.example"]),
    ("forward", LetterKind.FORWARD, {}, [], []),
    ("weak evidence: Reply-To leads nobody away", LetterKind.REPLY, {"weak": True, "reply_to": (KIM,)}, ["carl@acme.example"], []),
    ("weak evidence: nobody whom the item does not know", LetterKind.REPLY_ALL, {"weak": True}, ["carl@acme.example"], []),
    ("a mail from nobody", LetterKind.REPLY, {"author": None}, [], []),
]


@pytest.mark.parametrize(("kind", "more", "to", "cc"), [one[1:] for one in PRESETS], ids=[one[0] for one in PRESETS])
def test_whom_each_kind_goes_to(kind: LetterKind, more: dict[str, Any], to: list[str], cc: list[str]) -> None:
    """C-CO-06, E-41: as mail programs set them, never ours, nobody twice, the sender not in Cc of an answer to their Reply-To."""
    found = preset_recipients(kind, replace(MAIL, **more), TALK, SETUP)
    assert tuple(map(named, found)) == (to, cc)


SUBJECTS = [
    (LetterKind.REPLY, "en", "Printer", "Re: Printer"),
    (LetterKind.REPLY, "fr", "Printer", "Re: Printer"),
    (LetterKind.REPLY, "en", "AW: Printer", "AW: Printer"),
    (LetterKind.FORWARD, "en", "Printer", "Fwd: Printer"),
    (LetterKind.FORWARD, "fr-CA", "Imprimante", "TR: Imprimante"),
    (LetterKind.FORWARD, "fr", "Fwd: Printer", "Fwd: Printer"),
    (LetterKind.FORWARD, "de", "Re: Drucker", "Fwd: Re: Drucker"),
    (LetterKind.FORWARD, "en", "", "Fwd:"),
    (LetterKind.NEW, "en", "Printer", "Printer"),
    (LetterKind.REPLY, "en", "a\r\nBcc: v@x", "Re: a Bcc: v@x"),
]


@pytest.mark.parametrize(("kind", "language", "subject", "found"), SUBJECTS)
def test_the_prefix_of_each_kind(kind: LetterKind, language: str, subject: str, found: str) -> None:
    """Once, in the customer's language, on one line."""
    assert subject_about(kind, subject, language) == found


def test_the_thread_of_each_kind() -> None:
    """In-Reply-To is the mail that is answered, also an older one; a new mail and a forward begin a thread of their own."""
    assert set(MANNERS) == set(LetterKind)
    for kind in ("reply", "reply_all"):
        draft = write(kind)
        assert (draft.in_reply_to, draft.references[-1], draft.subject) == ("seven@acme.example", "seven@acme.example", "Re: Printer on fire")
        assert set(draft.references) == set(TALK.references)
    forward = write("forward", to=("new@x.example",))
    assert (forward.in_reply_to, forward.references, forward.subject) == ("", (), "Fwd: Printer on fire")
    new = write("new", None)
    assert (new.in_reply_to, new.references, new.subject, named(tuple(one.address for one in new.recipients))) == ("", (), "Printer", ["carl@acme.example"])


def test_what_cannot_be_written() -> None:
    """Each with a sentence: nothing to reply to, a forward to nobody, an answer to a held mail, ten thousand people."""
    with pytest.raises(Refused, match="no mail on this item"):
        write("reply", None)
    with pytest.raises(Refused, match="Name a recipient"):
        write("forward")
    with pytest.raises(Refused, match="is held"):
        write("reply", replace(MAIL, held=True))
    crowd = tuple(Address(f"p{n}@x.example") for n in range(10_000))
    with pytest.raises(Refused, match="at most 100 recipients; this one has 10001"):
        write("reply_all", replace(MAIL, to=crowd, cc=()))


def test_a_held_mail_may_be_handed_on() -> None:
    """A forward is somebody's own decision."""
    assert "It burns." in write("forward", replace(MAIL, held=True), to=("lea@demo.example",)).text


def test_an_answer_quotes_the_mail() -> None:
    """Who wrote it and when, each line marked; earlier quotations are marked once more."""
    draft = write("reply", quote=True)
    assert draft.text == "Hello.\n\nOn 2 March 2026 at 06:00 (UTC), Carl Customer wrote:\n> It burns.\n>> Does it?"
    assert draft.html == ""
    assert write("reply").text == "Hello."


UNQUOTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a new Cc", {}, {"cc": ("new@x.example",)}),
    ("a blind copy", {}, {"bcc": ("new@x.example",)}),
    ("a mail of ours that did not reach them", {"had": frozenset({OURS.key})}, {}),
]


@pytest.mark.parametrize(("more", "letter"), [one[1:] for one in UNQUOTED], ids=[one[0] for one in UNQUOTED])
def test_a_mail_is_quoted_to_nobody_who_never_had_it(more: dict[str, Any], letter: dict[str, Any]) -> None:
    """decisions.md: whoever was not on a mail gets it by a forward, which somebody decides, and not below an answer."""
    to = {} if letter.get("to") else {"to": ("carl@acme.example",)}
    draft = write("reply", replace(MAIL, **more), quote=True, **to, **letter)
    assert "It burns" not in draft.text
