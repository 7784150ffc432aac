"""What a mail by one of our people does, as values: steps one after the other, what waits and comes back from JSON, who becomes Cc, what answers say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.agent_answers import WORDS, Paper, confirmation, distrusted, question, refusal
from core.agent_steps import Around, Steps, carried_out
from core.conversation import Conversation, Said
from core.deeds import Ask
from core.held_reply import held, held_body, let_go, require_held
from core.mail import Address, Mail
from core.marker import survives
from core.on_agent_mail import Came, Ids, Means, No, done, filed, outsiders, refused, with_copies
from core.outbox import OutboxMessage, OutboxState, Purpose
from core.refusal import Refused
from core.setup import User
from core.status import Place, ResolutionMethod, Status
from core.transitions import IllegalTransition
from core.writing import Letter
from tests.core.people import ANN, NOW, SETUP, came, carl, made, scene

IDS = Ids("record", "draft", "answer", "undo", "send", "discard")
MEANS = Means(IDS, lambda link_id: f"https://d.example/m/{link_id}.mac", timedelta(days=7))
TALK = Conversation(contacts=(carl(),), last_mail=came())
CAME = Came("in-9", NOW, "ann@demo.example", "a@demo.example", answers="out-1", told="out-1", commands=("#take",))
LETTER = Letter(text="Pour water.", undo=timedelta(minutes=2))


def test_each_step_is_done_on_what_the_one_before_left() -> None:
    """Agents by mail, 3: take, answer, wait: the wait begins when the answer has left, and the item is the agent's."""
    steps = Steps((("take", Ask()),), LETTER, (("wait", Ask(days=3.0)),))
    made_ = carried_out(made(), steps, scene(), Around(TALK), "draft")
    (item,) = made_.items
    assert (item.status, item.owner, item.clocks.after_mail, item.clocks.answer_within) == (Status.WAIT, "ann@demo.example", "draft", timedelta(days=3))
    assert item.version == made().version, "it is saved once"
    assert [str(one.kind) for one in made_.entries if one.kind != "allocation"] == ["status", "mail_out", "status"]


def test_the_first_refusal_refuses_all() -> None:
    """All or nothing: whatever cannot be done raises, and there is no decision."""
    for bad in (("assign", Ask(to="nobody@demo.example")), ("wait", Ask()), ("reopen", Ask())):
        with pytest.raises((Refused, IllegalTransition)):
            carried_out(made(), Steps((("take", Ask()),), LETTER, (bad,)), scene(), Around(TALK), "draft")


def test_a_note_of_the_same_mail_is_the_resolution() -> None:
    """A-TK-16: `#note` and `#resolve` in one mail need nothing from before, and the note is marked though it has no number yet."""
    steps = Steps((("note", Ask(note="It was the plug.")),), None, (("resolve", Ask()),))
    made_ = carried_out(made(place=Place(Status.IN_PROGRESS), assignee="ann@demo.example"), steps, scene(), Around(TALK), "draft")
    (item,) = made_.items
    (note,) = [one for one in made_.entries if one.kind == "note"]
    assert item.status is Status.RESOLVED and note.facts["resolution"] is True
    assert item.resolution is not None and item.resolution.note_seq is None


@given(st.lists(st.sampled_from(["take", "note", "wait", "release", "assign", "resolve", "until"]), max_size=5), st.booleans())
def test_any_steps_give_one_saved_item_or_a_sentence(verbs: list[str], answers: bool) -> None:
    """Whatever is asked for in whatever order: a decision with the item once, or a refusal with a sentence; never anything else."""
    asks = {"note": Ask(note="n"), "wait": Ask(days=1.0), "assign": Ask(to="bob@demo.example"), "until": Ask(until=NOW + timedelta(days=1))}
    deeds = tuple(("wait" if verb == "until" else verb, asks.get(verb, Ask())) for verb in verbs)
    try:
        found = carried_out(made(), Steps(deeds, LETTER if answers else None), scene(), Around(TALK), "draft")
    except (Refused, IllegalTransition) as no:
        assert str(no)
        return
    assert len(found.items) <= 1 and len(found.mails) == answers
    assert all(one.resolution is None or (one.resolution.note_seq or 0) < 1 << 62 for one in found.items)


# ---------------------------------------------------------------- held


def _message(**more: object) -> OutboxMessage:
    found = OutboxMessage(
        "draft", 1, "i-1", OutboxState.HELD, NOW, NOW, "ann@demo.example", Purpose.PERSON, False, "support", Letter().importance, "m@x", "", "Re: Printer", ()
    )
    return replace(found, **more)  # type: ignore[arg-type]


@given(
    st.lists(st.sampled_from([("take", Ask()), ("note", Ask(note="„x“\n#y")), ("assign", Ask(to="bob@demo.example"))]), max_size=3),
    st.sampled_from([("wait", Ask(days=1.5, close_if_no_answer=True)), ("wait", Ask(until=NOW + timedelta(days=1)))]),
)
def test_what_waits_comes_back_whole(before: list[tuple[str, Ask]], after: tuple[str, Ask]) -> None:
    """What a held mail wanted besides survives JSON, and is then what it would have been at once."""
    steps = Steps(tuple(before), LETTER, (after,))
    at_once = carried_out(made(), steps, scene(), Around(TALK), "draft")
    body = json.loads(json.dumps(held_body("draft", steps, "in-9")))
    (draft,) = at_once.mails
    waits = replace(TALK, said=(Said(9, NOW, "ann@demo.example", "draft", OutboxState.HELD),))
    later = let_go(made(), _message(), draft, body, scene(), Around(waits))
    assert later.items == at_once.items and later.mails == ()
    assert [(one.kind, one.text) for one in later.entries] == [(one.kind, one.text) for one in at_once.entries if one.kind != "mail_out"]


def test_a_held_mail_does_nothing_to_its_item() -> None:
    """Agents by mail, 2: the whole mail waits; only the line of the answer stands there, and two links ask."""
    steps = Steps((("take", Ask()),), replace(LETTER, resolve=True, method=ResolutionMethod.WITH_CUSTOMER_RESPONSE), (), ("It is resolved.",))
    found = held(CAME, made(), steps, carried_out(made(), steps, scene(), Around(TALK), "draft"), scene(), MEANS, why="a mark is left in it")
    assert found.items == () and [str(one.kind) for one in found.entries] == ["mail_out"] and found.participants == ()
    answer, asks = found.mails
    assert answer.hold_reason and asks.purpose is Purpose.HELD_REPLY
    assert [str(one.deed) for one in found.mail_links] == ["send", "discard"]
    assert json.loads(asks.facts["held"])["method"] == "with_customer_response"


def test_only_a_held_mail_of_ones_own_is_decided_about() -> None:
    """A link or an answer of somebody else, or one that comes too late, is refused with a sentence."""
    assert require_held(_message(), "ann@demo.example").id == "draft"
    with pytest.raises(Refused):
        require_held(_message(), "bob@demo.example")
    for message in (None, _message(state=OutboxState.CANCELLED), _message(state=OutboxState.SENT)):
        with pytest.raises(Refused):
            require_held(message, "ann@demo.example")


# ---------------------------------------------------------------- people and words


def test_outsiders_are_neither_ours_nor_our_people() -> None:
    """Agents by mail, 2: mailboxes of ours, plus-tagged or not, and our people never become Cc; each outsider once, no more than a mail may have."""
    people = [Address("Support+a.x.y@demo.example"), Address("BOB@demo.example"), Address("g@x.example", "G"), Address("G@X.example"), Address("undisclosed")]
    assert [one.address for one in outsiders(people, SETUP)] == ["G@X.example"]
    assert len(outsiders([Address(f"p{n}@x.example") for n in range(500)], SETUP)) == 100


def test_copies_come_beside_whom_an_answer_goes_to() -> None:
    """The page's recipients stay; whoever is there already is not named twice, and nothing is named where nobody is new."""
    assert with_copies(LETTER, [Address("carl@acme.example")], scene(), TALK) == LETTER
    letter = with_copies(LETTER, [Address("gina@globex.example", "x, y <z@z>")], scene(), TALK)
    assert (letter.to, letter.cc) == (("Carl Customer <carl@acme.example>",), ("gina@globex.example",))


def test_no_answer_goes_where_it_would_come_back() -> None:
    """A user whose address is one of ours, or who left, is told nothing."""
    for user in (replace(ANN, email="support@demo.example"), replace(ANN, email="left@demo.example")):
        assert refusal(Paper("a", user, SETUP, NOW, made()), "No.") is None


@given(st.text(max_size=200), st.sampled_from(["en", "fr", "de", ""]))
def test_whatever_they_say_the_answers_are_known_again(words: str, language: str) -> None:
    """Agents by mail, it must hold (c): every mail that we send to an agent begins with the line, so that no answer to it carries it to a customer."""
    user: User = replace(ANN, language=language)
    paper = Paper("a", user, replace(SETUP, users=(user,)), NOW, made(title=words), "m@x.example")
    (draft,) = carried_out(made(), Steps((), LETTER), scene(), Around(TALK), "draft").mails
    draft = replace(draft, text=words)
    no = distrusted(paper, words, sender=words, came_at=NOW)
    for mail in (confirmation(paper, [words], draft), refusal(paper, words, own_words=words), no, question(paper, words, (), draft)):
        assert mail is not None and mail.text.startswith("##-") and survives(mail.text) and survives(mail.html)
        assert "\n" not in mail.subject or mail.subject == f"Re: {words}"


def test_both_languages_say_the_same_things() -> None:
    """decisions.md 24: every sentence is there in English and in French, with the same facts in it."""
    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for key, sentence in WORDS["en"].items():
        assert {part.partition("}")[0] for part in sentence.split("{")[1:]} == {part.partition("}")[0] for part in WORDS["fr"][key].split("{")[1:]}, key


def test_an_untrusted_mail_brings_no_word_of_its_own() -> None:
    """Agents by mail, 4; attacks: neither the line on the item nor the answer has anything that the mail said."""
    found = refused(replace(CAME, from_key="m@evil.example"), No("not_theirs", "Why.", own_words="Click here"), ANN, "ann@demo.example", made(), SETUP, NOW, MEANS)
    assert "Click" not in repr((found.entries, found.mails)) and found.items == ()
    assert found.mails[0].in_reply_to == "" and found.mails[0].references == ()


def test_a_filed_mail_moves_nothing() -> None:
    """Agents by mail, 2: the item is not among what is saved; the line is the agent's."""
    found = filed(CAME, Mail("a@x", subject="Re: Printer", to=(Address("carl@acme.example"),), new_text="Done."), made(), scene(), MEANS)
    assert found.items == () and found.mails == ()
    assert (found.entries[0].kind, found.entries[0].by, found.participants) == ("mail_out", "ann@demo.example", (("i-1", "carl@acme.example"),))


def test_without_a_public_address_there_are_no_links() -> None:
    """A confirmation without `web.public_url` is the same without its link, and no link is kept."""
    steps = Steps((("take", Ask()),), said=("It is yours.",))
    apart = replace(MEANS, url=lambda _: "")
    found = done(CAME, made(), steps, carried_out(made(), steps, scene(), Around(TALK), "draft"), scene(), apart)
    assert found.mail_links == () and "http" not in found.mails[0].text
