"""Which item a mail belongs to: B3 with the evidence table of decisions.md, and what the state of the item makes of it (B4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.decision import Link
from core.evidence import Evidence
from core.mail import Envelope
from core.setup import Setup, Strangers
from core.status import Status
from core.verdict import Action, Kind
from gateway.routing.facts import Outgoing
from tests.routing.examples import (
    CLAIMS,
    COLLEAGUE,
    FAIL,
    JO,
    PASS,
    STRANGER,
    SUPPORT,
    a_mail,
    a_target,
    actions,
    an_item,
    closed,
    fetched,
    over_smtp,
    resolved,
)

OURS = "out1.mac@demo.example"
THEIRS = "first@acme.example"
KNOWN = {OURS: ("i101203",), THEIRS: ("i101203",)}
SIGNED = (OURS,)


def item_of(resolution) -> list[str]:  # type: ignore[no-untyped-def]
    return [verdict.item_id for verdict in resolution.verdicts]


# ---------------------------------------------------------------- the evidence table, from the mail's side

PEOPLE = {"participant": JO, "colleague": COLLEAGUE, "stranger": STRANGER}
WAYS = {
    "strong": {"in_reply_to": (OURS,)},
    "strong, in References": {"references": (THEIRS, OURS)},
    "known": {"in_reply_to": (THEIRS,)},
    "weak": {"subject": "Re: [101203-T] Printer"},
    "none": {"subject": "Printer 101203-T"},
}
TABLE = [
    ("strong", "participant", None, "join"),
    ("strong", "participant", FAIL, "join"),
    ("strong", "colleague", None, "join"),
    ("strong", "stranger", None, "hold"),
    ("strong", "stranger", PASS, "hold"),
    ("strong, in References", "participant", None, "join"),
    ("strong, in References", "stranger", None, "hold"),
    ("known", "participant", None, "join"),
    ("known", "participant", FAIL, "hold"),
    ("known", "colleague", None, "hold"),
    ("known", "stranger", PASS, "hold"),
    ("known", "stranger", None, "hold"),
    ("weak", "participant", None, "join"),
    ("weak", "participant", FAIL, "hold"),
    ("weak", "colleague", None, "open"),
    ("weak", "stranger", PASS, "open"),
    ("weak", "stranger", None, "open"),
    ("none", "participant", None, "open"),
    ("none", "stranger", None, "open"),
]


@pytest.mark.parametrize(("way", "who", "judged", "wanted"), TABLE)
def test_evidence_and_sender(example_setup: Setup, way: str, who: str, judged, wanted: str) -> None:  # type: ignore[no-untyped-def]
    """decisions.md, evidence table: each kind of evidence with each kind of sender (E-01)."""
    mail = a_mail(from_=PEOPLE[who], **WAYS[way])  # type: ignore[arg-type]
    found = resolved(example_setup, mail, None, a_target(), signed=SIGNED, known=KNOWN, sender_authentication=judged)
    assert actions(found) == [wanted]
    if wanted != "open":
        assert item_of(found) == ["i101203"]


@pytest.mark.parametrize(("strangers", "judged", "wanted"), [("join", PASS, "join"), ("join", None, "hold"), ("new", PASS, "open"), ("new", None, "open")])
def test_strangers_by_the_connector(example_setup: Setup, strangers: str, judged, wanted: str) -> None:  # type: ignore[no-untyped-def]
    """With strong evidence the connector's setting decides on strangers; joining is never automatic without authentication."""
    connectors = tuple(replace(connector, strangers=Strangers(strangers)) for connector in example_setup.connectors)
    found = resolved(
        replace(example_setup, connectors=connectors),
        a_mail(from_=STRANGER, in_reply_to=(OURS,)),
        None,
        a_target(),
        signed=SIGNED,
        known=KNOWN,
        sender_authentication=judged,
    )
    assert actions(found) == [wanted]


def test_a_colleague_is_added_as_cc(example_setup: Setup) -> None:
    """Same company with strong evidence: joined, and the sender becomes Cc."""
    found = resolved(example_setup, a_mail(from_=COLLEAGUE, in_reply_to=(OURS,)), None, a_target(), signed=SIGNED, known=KNOWN)
    assert found.verdicts[0].adds_cc
    assert not resolved(example_setup, a_mail(in_reply_to=(OURS,)), None, a_target(), signed=SIGNED, known=KNOWN).verdicts[0].adds_cc


def test_weak_evidence_of_others_marks_the_new_item(example_setup: Setup) -> None:
    """A reference in the subject by somebody else opens a new item, marked "may belong to 101203-T"."""
    verdict = resolved(example_setup, a_mail(from_=STRANGER, subject="[101203-T] hello"), None, a_target()).verdicts[0]
    assert (verdict.action, verdict.link, verdict.old_id) == (Action.OPEN, "may_belong_to", "i101203")
    assert "may belong to 101203-T" in verdict.because


def test_other_addresses_of_a_participant(example_setup: Setup) -> None:
    """A participant is one with all addresses of that contact."""
    mail = a_mail(from_="jo@home.example", in_reply_to=(THEIRS,))
    assert actions(resolved(example_setup, mail, None, a_target(), known=KNOWN)) == ["hold"]
    assert actions(resolved(example_setup, mail, None, a_target(), known=KNOWN, also_known_as=(JO,))) == ["join"]


def test_several_authors_must_all_take_part(example_setup: Setup) -> None:
    """A second, foreign author in From makes a mail that of a stranger."""
    mail = a_mail(from_=(JO, STRANGER), in_reply_to=(THEIRS,))
    assert actions(resolved(example_setup, mail, None, a_target(), known=KNOWN)) == ["hold"]


def test_addresses_are_compared_without_case_and_in_a_labels(example_setup: Setup) -> None:
    """A participant is recognised in any case of letters and with a domain in either form."""
    target = a_target(people=("jo@xn--mller-kva.example",))
    assert actions(resolved(example_setup, a_mail(from_="Jo@Müller.example", in_reply_to=(THEIRS,)), None, target, known=KNOWN)) == ["join"]


def test_a_plus_tag_of_a_participant_is_kept(example_setup: Setup) -> None:
    """Plus-tags are part of an address: jo+x is not jo."""
    target = a_target(people=("jo@elsewhere.example",))
    assert actions(resolved(example_setup, a_mail(from_="jo+x@elsewhere.example", in_reply_to=(THEIRS,)), None, target, known=KNOWN)) == ["hold"]


def test_free_mail_is_no_company(example_setup: Setup) -> None:
    """The owner of a free-mail domain says nothing, even if somebody listed the domain as a company's."""
    companies = (*example_setup.companies, replace(example_setup.companies[0], name="Mailers", domains=("gmail.com",)))
    target = a_target(an_item(company="Mailers"))
    mail = a_mail(from_="someone@gmail.com", in_reply_to=(OURS,))
    assert actions(resolved(replace(example_setup, companies=companies), mail, None, target, signed=SIGNED, known=KNOWN)) == ["hold"]


# ---------------------------------------------------------------- which evidence counts


def test_in_reply_to_before_references(example_setup: Setup) -> None:
    """B3, E-01: In-Reply-To is asked first, then References from the newest on."""
    known = {"a@x": ("i1",), "b@x": ("i2",), "c@x": ("i3",)}
    targets = [a_target(an_item(number)) for number in (1, 2, 3)]
    found = resolved(example_setup, a_mail(in_reply_to=("a@x",), references=("b@x", "c@x")), None, *targets, known=known)
    assert item_of(found) == ["i1"]
    found = resolved(example_setup, a_mail(references=("b@x", "c@x")), None, *targets, known=known)
    assert item_of(found) == ["i3"]
    found = resolved(example_setup, a_mail(in_reply_to=("unknown@x",), references=("b@x", "unknown2@x")), None, *targets, known=known)
    assert item_of(found) == ["i2"]


def test_stronger_evidence_wins_over_the_order(example_setup: Setup) -> None:
    """The order of B3 decides only between equal evidence: a signed id in References beats an unsigned one in In-Reply-To."""
    known = {THEIRS: ("i1",), OURS: ("i2",)}
    targets = [a_target(an_item(number)) for number in (1, 2)]
    mail = a_mail(in_reply_to=(THEIRS,), references=(OURS,), subject="[0001-T] hello")
    assert item_of(resolved(example_setup, mail, None, *targets, known=known, signed=SIGNED)) == ["i2"]


def test_an_unsigned_id_of_our_shape_is_only_known(example_setup: Setup) -> None:
    """An id that carries no valid signature is never strong, whatever it looks like."""
    found = resolved(example_setup, a_mail(from_=COLLEAGUE, in_reply_to=(OURS,)), None, a_target(), known=KNOWN)
    assert (actions(found), found.verdicts[0].evidence) == (["hold"], Evidence.KNOWN)


def test_a_signed_id_without_item_is_no_evidence(example_setup: Setup) -> None:
    """A signature alone ties nothing: the mail is routed."""
    found = resolved(example_setup, a_mail(in_reply_to=(OURS,)), signed=SIGNED)
    assert actions(found) == ["open"]
    assert any(step.step == "match" and "belongs to no item" in step.because for step in found.trace)


def test_signed_plus_address(example_setup: Setup) -> None:
    """A signed plus-address is strong evidence (B3.2), an unsigned reference in it weak (B-MT-06)."""
    to = "support+101203-t.mac@demo.example"
    mail = a_mail(from_=STRANGER, to=(to,))
    found = resolved(example_setup, mail, over_smtp(to), a_target(), signed_tags={to: "101203-T"})
    assert (actions(found), found.verdicts[0].evidence) == (["hold"], Evidence.STRONG)
    plain = "support+101203-T@demo.example"
    found = resolved(example_setup, a_mail(from_=STRANGER, to=(plain,)), over_smtp(plain), a_target())
    assert (actions(found), found.verdicts[0].evidence) == (["open"], Evidence.WEAK)
    assert actions(resolved(example_setup, a_mail(to=(plain,)), over_smtp(plain), a_target())) == ["join"]


def test_a_forged_plus_tag_is_nothing(example_setup: Setup) -> None:
    """A tag that is neither a reference nor verified is an ordinary address; the trace says so."""
    to = "support+101203-t.forged@demo.example"
    found = resolved(example_setup, a_mail(to=(to,)), over_smtp(to), a_target())
    assert actions(found) == ["open"]
    assert any("neither a reference nor signed" in step.because for step in found.trace)


def test_reference_needs_brackets(example_setup: Setup) -> None:
    """B-MT: a number in the subject without brackets is no reference, and the text of a mail never is (E-01)."""
    mail = a_mail(subject="about 101203-T", text="[101203-T]", new_text="[101203-T]")
    assert actions(resolved(example_setup, mail, None, a_target())) == ["open"]


def test_a_reference_that_does_not_exist(example_setup: Setup) -> None:
    """A reference to nothing is routed, and the trace tells."""
    found = resolved(example_setup, a_mail(subject="[999999-T] hello"), None, a_target())
    assert actions(found) == ["open"]
    assert any(step.because == "there is no such item" for step in found.trace)


def test_a_third_person_who_answers(example_setup: Setup) -> None:
    """B-MT-05: somebody in Cc of the first mail answers to it: participants join by an unsigned id."""
    found = resolved(example_setup, a_mail(from_=STRANGER, in_reply_to=(THEIRS,)), None, a_target(people=(JO, STRANGER)), known=KNOWN)
    assert actions(found) == ["join"]


def test_matching_does_not_ask_for_our_address(example_setup: Setup) -> None:
    """E-02: a participant's answer joins although it came to another address of ours."""
    assert actions(resolved(example_setup, a_mail(to=(CLAIMS,), in_reply_to=(THEIRS,)), over_smtp(CLAIMS), a_target(), known=KNOWN)) == ["join"]


FORWARDS = [
    ("Fwd: Printer", CLAIMS, {"in_reply_to": (THEIRS,)}, (), "open"),
    ("TR : Printer", CLAIMS, {"references": (THEIRS,)}, (), "open"),
    ("Fwd: Printer", SUPPORT, {"in_reply_to": (THEIRS,)}, (), "join"),
    ("Fwd: Printer", CLAIMS, {"in_reply_to": (OURS,)}, SIGNED, "join"),
    ("Re: Fwd: Printer", CLAIMS, {"in_reply_to": (THEIRS,)}, (), "join"),
]


@pytest.mark.parametrize(("subject", "to", "ids", "signed", "wanted"), FORWARDS)
def test_forwards(example_setup: Setup, subject: str, to: str, ids: dict[str, tuple[str, ...]], signed: tuple[str, ...], wanted: str) -> None:
    """E-03: a forward to another address of ours is not a reply, unless our signature is in it."""
    mail = a_mail(subject=subject, to=(to,), **ids)  # type: ignore[arg-type]
    assert actions(resolved(example_setup, mail, over_smtp(to), a_target(), known=KNOWN, signed=signed)) == [wanted]


def test_id_of_a_mail_that_opened_several_items(example_setup: Setup) -> None:
    """One mail opened an item at each of two addresses: an answer to it goes to the item of the address it is sent to."""
    targets = (a_target(an_item(1)), a_target(an_item(2, connector="claims", reply_from=CLAIMS)))
    known = {THEIRS: ("i1", "i2")}
    mail = a_mail(in_reply_to=(THEIRS,))
    assert item_of(resolved(example_setup, mail, over_smtp(CLAIMS), *targets, known=known)) == ["i2"]
    assert item_of(resolved(example_setup, mail, over_smtp(SUPPORT), *targets, known=known)) == ["i1"]
    assert item_of(resolved(example_setup, mail, over_smtp(SUPPORT, CLAIMS), *targets, known=known)) == ["i1", "i2"]


# ---------------------------------------------------------------- one mail, several recipients


def test_a_matched_mail_is_only_appended(example_setup: Setup) -> None:
    """B-RT-08: no routing for a mail that belongs to an item, also for its other addresses of ours (E-04)."""
    found = resolved(example_setup, a_mail(to=(SUPPORT, CLAIMS), in_reply_to=(THEIRS,)), over_smtp(SUPPORT, CLAIMS), a_target(), known=KNOWN)
    assert actions(found) == ["join", "join"]
    assert item_of(found) == ["i101203", "i101203"]
    assert not any(step.step == "route" for step in found.trace)


def test_one_plus_reference_and_one_route_address(example_setup: Setup) -> None:
    """E-04: a plus-reference beside a route address: the mail is appended, and no new item is opened."""
    tagged = "support+101203-T@demo.example"
    found = resolved(example_setup, a_mail(to=(tagged, CLAIMS)), over_smtp(tagged, CLAIMS), a_target())
    assert actions(found) == ["join", "join"]
    assert found.new_items == 0


def test_several_plus_references(example_setup: Setup) -> None:
    """B3.2, E-04: with several plus-references the mail is appended to each item."""
    tags = ("support+101203-T@demo.example", "claims+101204-T@demo.example")
    found = resolved(example_setup, a_mail(to=tags), over_smtp(*tags), a_target(), a_target(an_item(101_204)))
    assert item_of(found) == ["i101203", "i101204"]


def test_header_and_another_plus_reference(example_setup: Setup) -> None:
    """E-04, B3: the header decides for a single address; beside an address that answers to the header, another item's tag keeps its item."""
    tag = "claims+101204-t.mac@demo.example"
    targets = (a_target(), a_target(an_item(101_204)))
    asked = {"signed": SIGNED, "known": KNOWN, "signed_tags": {tag: "101204-T"}}
    one = resolved(example_setup, a_mail(to=(tag,), in_reply_to=(OURS,)), over_smtp(tag), *targets, **asked)  # type: ignore[arg-type]
    assert item_of(one) == ["i101203"]
    two = resolved(example_setup, a_mail(to=(SUPPORT, tag), in_reply_to=(OURS,)), over_smtp(SUPPORT, tag), *targets, **asked)  # type: ignore[arg-type]
    assert item_of(two) == ["i101203", "i101204"]


def test_a_mail_that_names_nobody_of_ours_still_joins(example_setup: Setup) -> None:
    """A fetched or imported answer that names no address of ours belongs to its item all the same."""
    found = resolved(example_setup, a_mail(to=("x@y.example",), in_reply_to=(THEIRS,)), Envelope("eml"), a_target(), known=KNOWN)
    assert (actions(found), found.verdicts[0].recipient) == (["join"], "")


# ---------------------------------------------------------------- the state of the item


@pytest.mark.parametrize("status", [Status.DRAFT, Status.TO_DO, Status.IN_PROGRESS, Status.WAIT, Status.RESOLVED])
def test_open_and_resolved_items_are_joined(example_setup: Setup, status: Status) -> None:
    """B-EF-01, B-EF-02, B-EF-06: until it is closed, an item is joined, whatever its status; what wakes is decided by the core."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, a_target(an_item(status=status)), known=KNOWN)
    assert (actions(found), found.verdicts[0].counts) == (["join"], True)


def test_a_closed_item_is_followed_up(example_setup: Setup) -> None:
    """A-TK-24, A-CS-23, B-EF-07, decisions.md 4: a mail to a closed item opens a new one by the routes, linked; data is copied for participants."""
    verdict = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, a_target(closed()), known=KNOWN).verdicts[0]
    assert (verdict.action, verdict.link, verdict.old_id, verdict.process, verdict.copies) == (Action.FOLLOW_UP, "follow_up_of", "i101203", "General support", True)


@pytest.mark.parametrize("who", [COLLEAGUE, STRANGER])
def test_nothing_is_copied_for_others(example_setup: Setup, who: str) -> None:
    """E-15, decisions.md 4: a sender who took no part gets a linked item without contacts or data of the old one."""
    verdict = resolved(example_setup, a_mail(from_=who, in_reply_to=(OURS,)), None, a_target(closed()), known=KNOWN, signed=SIGNED).verdicts[0]
    assert (verdict.action, verdict.copies) == (Action.FOLLOW_UP, False)


def test_a_forged_participant_copies_nothing(example_setup: Setup) -> None:
    """A participant's name whose DMARC failed takes nothing over from a closed item."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, a_target(closed()), known=KNOWN, sender_authentication=FAIL)
    assert (found.verdicts[0].action, found.verdicts[0].copies) == (Action.FOLLOW_UP, False)


def with_follow_up(status: Status = Status.TO_DO, people: tuple[str, ...] = (JO,)):  # type: ignore[no-untyped-def]
    old = a_target(closed(), Link("i101203", "i101300", "followed_by"))
    return old, a_target(an_item(101_300, status=status), Link("i101300", "i101203", "follow_up_of"), people=people)


def test_the_second_answer_goes_to_the_open_follow_up(example_setup: Setup) -> None:
    """decisions.md 4: a second reply to the same old thread is appended to the open follow-up."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *with_follow_up(), known=KNOWN)
    assert (actions(found), item_of(found)) == (["join"], ["i101300"])


def test_a_stranger_does_not_enter_the_follow_up(example_setup: Setup) -> None:
    """Evidence is weighed against the follow-up: who may not join it opens another one."""
    found = resolved(example_setup, a_mail(from_=STRANGER, in_reply_to=(THEIRS,)), None, *with_follow_up(), known=KNOWN)
    assert (actions(found), item_of(found)) == (["follow_up"], [""])


def test_a_closed_follow_up_is_followed_up_again(example_setup: Setup) -> None:
    """When the follow-up is closed as well, a new one is opened; open ones further down the chain are found."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *with_follow_up(Status.CLOSED), known=KNOWN)
    assert actions(found) == ["follow_up"]
    chain = (
        a_target(closed(), Link("i101203", "i2", "followed_by")),
        a_target(closed(2), Link("i2", "i3", "followed_by"), Link("i2", "i101203", "followed_by")),
        a_target(an_item(3)),
    )
    assert item_of(resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *chain, known=KNOWN)) == ["i3"]


def test_one_follow_up_for_two_addresses(example_setup: Setup) -> None:
    """Two addresses of ours in one answer to a closed item open one follow-up (B-RT-08)."""
    found = resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), over_smtp(SUPPORT, CLAIMS), a_target(closed()), known=KNOWN)
    assert (actions(found), found.new_items, found.verdicts[1].recipient) == (["follow_up", "follow_up"], 1, CLAIMS)


def test_a_follow_up_without_route_stays_in_its_process(example_setup: Setup) -> None:
    """Where the address has no route, the follow-up stays in the process of the closed item rather than being unhandled."""
    bare = replace(example_setup, routes=())
    verdict = resolved(bare, a_mail(in_reply_to=(THEIRS,)), None, a_target(closed()), known=KNOWN).verdicts[0]
    assert (verdict.action, verdict.process_id) == (Action.FOLLOW_UP, "p-support")


def test_automatic_mail_to_a_closed_item_opens_nothing(example_setup: Setup) -> None:
    """E-14, decisions.md 2: an out-of-office to a closed item is shown there and changes nothing."""
    mail = a_mail(in_reply_to=(OURS,), headers=[("Auto-Submitted", "auto-replied")])
    verdict = resolved(example_setup, mail, None, a_target(closed()), known=KNOWN, signed=SIGNED).verdicts[0]
    assert (verdict.action, verdict.item_id, verdict.counts, verdict.quiet) == (Action.APPEND, "i101203", False, True)


LINKS = [
    ("merged_into", ["i2"]),
    ("converted_to", ["i2"]),
]


@pytest.mark.parametrize(("kind", "wanted"), LINKS)
def test_links_are_followed(example_setup: Setup, kind: str, wanted: list[str]) -> None:
    """B-EF-10, B-EF-11, E-50: mail to a merged or converted item goes to the one that replaced it."""
    targets = (a_target(closed(), Link("i101203", "i2", kind)), a_target(an_item(2)))
    assert item_of(resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *targets, known=KNOWN)) == wanted


def test_a_split_item_leads_to_every_part(example_setup: Setup) -> None:
    """B-EF-09, E-37: mail to the thread before the split goes to every part; mail to a part's own thread to that part."""
    targets = (
        a_target(an_item(), Link("i101203", "i2", "split_into"), Link("i101203", "i3", "split_into")),
        a_target(an_item(2)),
        a_target(an_item(3)),
    )
    assert item_of(resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *targets, known=KNOWN)) == ["i2", "i3"]
    assert item_of(resolved(example_setup, a_mail(in_reply_to=("part@x",)), None, *targets, known={"part@x": ("i3",)})) == ["i3"]


def test_a_closed_part_of_a_split_is_followed_up(example_setup: Setup) -> None:
    """B-EF-08: mail to a closed part opens a new item; it goes neither to the original nor to the other parts."""
    targets = (a_target(closed(3), Link("i3", "i2", "part_of")), a_target(an_item(2)))
    assert actions(resolved(example_setup, a_mail(in_reply_to=("part@x",)), None, *targets, known={"part@x": ("i3",)})) == ["follow_up"]


def test_links_in_a_circle_end(example_setup: Setup) -> None:
    """E-50: a circle of links does not run for ever; the item itself is meant."""
    targets = (a_target(an_item(), Link("i101203", "i2", "merged_into")), a_target(an_item(2), Link("i2", "i101203", "merged_into")))
    assert item_of(resolved(example_setup, a_mail(in_reply_to=(THEIRS,)), None, *targets, known=KNOWN)) == ["i101203"]


# ---------------------------------------------------------------- automatic mail, spam, history

AUTOMATIC = [
    ((("Auto-Submitted", "auto-replied"),), JO, "append", False, False),
    ((("Auto-Submitted", "auto-generated"),), JO, "join", True, False),
    ((("List-Id", "<desk.acme.example>"),), JO, "join", True, False),
    ((("List-Id", "<desk.acme.example>"),), COLLEAGUE, "append", False, True),
    ((), JO, "join", True, False),
]


@pytest.mark.parametrize(("headers", "who", "action", "counts", "doubtful"), AUTOMATIC)
def test_automatic_mail(example_setup: Setup, headers: tuple[tuple[str, str], ...], who: str, action: str, counts: bool, doubtful: bool) -> None:
    """decisions.md 1 and 2: auto-replies are appended and count for nothing; generated and list mail counts from participants and is doubtful from others."""
    found = resolved(example_setup, a_mail(from_=who, in_reply_to=(OURS,), headers=headers), None, a_target(), signed=SIGNED, known=KNOWN)
    verdict = found.verdicts[0]
    assert (str(verdict.action), verdict.counts, verdict.doubtful) == (action, counts, doubtful)


def test_a_null_sender_alone_counts_from_a_participant(example_setup: Setup) -> None:
    """decisions.md 2: an empty return path alone, from a participant, counts."""
    found = resolved(example_setup, a_mail(in_reply_to=(OURS,)), over_smtp(sender=""), a_target(), signed=SIGNED, known=KNOWN)
    assert (actions(found), found.verdicts[0].counts) == (["join"], True)


def test_out_of_office_by_subject_is_doubtful(example_setup: Setup) -> None:
    """decisions.md 1: a mail that only looks like an out-of-office wakes nothing and stops the countdowns."""
    found = resolved(example_setup, a_mail(subject="Automatic reply: Printer", in_reply_to=(OURS,)), None, a_target(), signed=SIGNED, known=KNOWN)
    verdict = found.verdicts[0]
    assert (verdict.action, verdict.counts, verdict.doubtful) == (Action.APPEND, False, True)


def test_an_out_of_office_that_answers_an_acknowledgement_is_shown(example_setup: Setup) -> None:
    """decisions.md 2 overrules B-AG-03: it is appended and shown, counts for nothing and is not answered."""
    found = resolved(example_setup, a_mail(in_reply_to=(OURS,), headers=[("Auto-Submitted", "auto-replied")]), None, a_target(), signed=SIGNED, known=KNOWN)
    assert actions(found) == ["append"]
    assert not found.classification.may_answer


def test_unmatched_out_of_office_opens_an_item(example_setup: Setup) -> None:
    """B-AG-04: an unmatched out-of-office opens an item by routing, and gets no acknowledgement."""
    found = resolved(example_setup, a_mail(subject="Out of office", headers=[("Auto-Submitted", "auto-replied")]))
    assert (actions(found), found.classification.kind, found.classification.may_answer) == (["open"], Kind.OUT_OF_OFFICE, False)


def test_a_mail_of_the_assignee_does_not_wake(example_setup: Setup) -> None:
    """E-11: whoever has the item does not wake it by writing to it."""
    target = a_target(an_item(assignee="ann@demo.example"), people=("ann@demo.example",))
    found = resolved(example_setup, a_mail(from_="ann@demo.example", in_reply_to=(THEIRS,)), None, target, known=KNOWN)
    assert (actions(found), found.verdicts[0].counts) == (["join"], False)


def test_spam_that_matches_is_appended_silently(example_setup: Setup) -> None:
    """E-14: a blocked participant's mail joins without waking; a blocked stranger's is not held but rejected (B-BL-02)."""
    spammer = "ads@spam.example"
    joined = resolved(example_setup, a_mail(from_=spammer, in_reply_to=(THEIRS,)), None, a_target(people=(spammer,)), known=KNOWN)
    assert (actions(joined), joined.verdicts[0].counts) == (["join"], False)
    stranger = resolved(example_setup, a_mail(from_=spammer, in_reply_to=(THEIRS,)), None, a_target(), known=KNOWN)
    assert actions(stranger) == ["reject_as_spam"]


def test_history_wakes_nothing(example_setup: Setup) -> None:
    """decisions.md 13: imported archive mail joins its item, also a closed one and also when we wrote it, and counts for nothing."""
    archive = Envelope("eml", "", (), None, archive=True)
    for target in (a_target(), a_target(closed())):
        for who in (JO, SUPPORT):
            found = resolved(example_setup, a_mail(from_=who, in_reply_to=(THEIRS,)), archive, target, known=KNOWN)
            verdict = found.verdicts[0]
            assert (verdict.action, verdict.counts, verdict.quiet) == (Action.JOIN, False, True)


# ---------------------------------------------------------------- our own mail

SENT_TO_CLAIMS = Outgoing("out1", "i101203", "support", frozenset({CLAIMS}))


def own_mail(setup: Setup, envelope, *targets, own: Outgoing = SENT_TO_CLAIMS, from_: str = SUPPORT, **more):  # type: ignore[no-untyped-def]
    mail = a_mail(from_=from_, message_id=OURS, **{name: more.pop(name) for name in ("in_reply_to", "subject") if name in more})
    return resolved(setup, mail, envelope, *targets, own=own, known=KNOWN, **more)


def test_own_mail_coming_back_is_ignored(example_setup: Setup) -> None:
    """B-DD-01, decisions.md 7: our own mail is ignored at an address it was not sent to, and at the mailbox that sent it."""
    assert actions(own_mail(example_setup, over_smtp(CLAIMS), own=replace(SENT_TO_CLAIMS, recipients=frozenset({JO})))) == ["ignore"]
    assert actions(own_mail(example_setup, over_smtp(SUPPORT), own=replace(SENT_TO_CLAIMS, recipients=frozenset({SUPPORT})))) == ["ignore"]


def test_mail_between_two_mailboxes_of_ours(example_setup: Setup) -> None:
    """decisions.md 7: mail from one mailbox of ours to another opens an item there, without automatic mail, linked to the one it was sent from."""
    found = own_mail(example_setup, over_smtp(CLAIMS), a_target(), in_reply_to=(THEIRS,), subject="[101203-T] Please look")
    verdict = found.verdicts[0]
    assert (verdict.action, verdict.process, verdict.link, verdict.old_id) == (Action.OPEN, "Claim", "linked", "i101203")
    assert not found.classification.may_answer


def test_answers_between_two_mailboxes_of_ours_find_their_item(example_setup: Setup) -> None:
    """The answer of the other mailbox joins the item it answers to."""
    back = Outgoing("out2", "i2", "claims", frozenset({SUPPORT}))
    mail = a_mail(from_=CLAIMS, message_id="out2.mac@demo.example", in_reply_to=(OURS,))
    found = resolved(example_setup, mail, over_smtp(SUPPORT), a_target(), a_target(an_item(2)), own=back, known=KNOWN, signed=SIGNED)
    assert (actions(found), item_of(found), found.verdicts[0].counts) == (["join"], ["i101203"], True)


def test_our_message_id_under_another_author(example_setup: Setup) -> None:
    """A mail with an id of ours but a foreign From (a list that rewrites it, a forgery) is not processed as ours."""
    assert actions(own_mail(example_setup, over_smtp(CLAIMS), from_=STRANGER)) == ["ignore"]


def test_mail_from_our_address_without_our_id_is_a_strangers(example_setup: Setup) -> None:
    """Anybody can write our address into From: it opens no door to an item, and is never answered."""
    found = resolved(example_setup, a_mail(from_=SUPPORT, in_reply_to=(THEIRS,)), None, a_target(), known=KNOWN)
    assert (actions(found), found.classification.may_answer) == (["hold"], False)


def test_hold_knows_its_item(example_setup: Setup) -> None:
    """A held verdict names the item, the evidence and why, for the person who decides."""
    verdict = resolved(example_setup, a_mail(from_=STRANGER, in_reply_to=(THEIRS,)), fetched(), a_target(), known=KNOWN).verdicts[0]
    assert (verdict.action, verdict.item_id, verdict.evidence) == (Action.HOLD, "i101203", Evidence.KNOWN)
    assert STRANGER in verdict.because
