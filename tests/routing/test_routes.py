"""Which route takes a mail: order, classes and conditions (B6), unhandled mail, blocked senders (B7) and the effects."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from core.mail import Attachment, Envelope, Importance
from core.setup import BlockedAddress, BlockEffect, Conditions, Route, RouteEffect, RouteKind, Setup
from core.verdict import Action, InboundState
from tests.routing.examples import CLAIMS, HELP, JO, STRANGER, SUPPORT, a_mail, a_target, actions, closed, fetched, over_smtp, resolved


def a_route(name: str, kind: str = "ordinary", address: str = SUPPORT, process: str = "General support", connector: str = "support", **more: object) -> Route:
    return Route(f"r-{name}", connector, name, RouteKind(kind), address, process, **more)  # type: ignore[arg-type]


def with_routes(setup: Setup, *routes: Route) -> Setup:
    return replace(setup, routes=routes)


def taken_by(resolution) -> list[str]:  # type: ignore[no-untyped-def]
    """The names of the routes that took the mail."""
    return [step.check.split(" / ")[1].split(" (")[0] for step in resolution.trace if step.step == "route" and step.outcome == "hit"]


def attachment(name: str, content_type: str = "application/octet-stream", *, inline: bool = False) -> Attachment:
    return Attachment(name, content_type, 0, 1, "base64", 1, "0" * 64, content_id="x" if inline else "", inline=inline)


# ---------------------------------------------------------------- order

FALLBACK = a_route("last", "fallback")
WILD = a_route("wild", "wildcard", "*", when=Conditions(sender=("*@acme.example",)))


def test_top_to_bottom(example_setup: Setup) -> None:
    """B-RT-06: the first route that matches in full is taken."""
    setup = with_routes(example_setup, a_route("one", when=Conditions(subject_words=("invoice",))), a_route("two"), a_route("three"), FALLBACK)
    assert taken_by(resolved(setup, a_mail())) == ["two"]
    assert taken_by(resolved(setup, a_mail(subject="Your invoice"))) == ["one"]


def test_strict_classes(example_setup: Setup) -> None:
    """B-RT-10: ordinary, then wildcard, then fallback, whatever the order of the list."""
    ordinary = a_route("ordinary", when=Conditions(subject_words=("invoice",)))
    setup = with_routes(example_setup, FALLBACK, WILD, ordinary)
    assert taken_by(resolved(setup, a_mail(subject="invoice"))) == ["ordinary"]
    assert taken_by(resolved(setup, a_mail())) == ["wild"]
    assert taken_by(resolved(setup, a_mail(from_=STRANGER))) == ["last"]


def test_only_routes_of_the_connector(example_setup: Setup) -> None:
    """B-RT-06: a route of another connector is never looked at."""
    setup = with_routes(example_setup, a_route("foreign", connector="claims"), FALLBACK)
    found = resolved(setup, a_mail())
    assert taken_by(found) == ["last"]
    assert not any("foreign" in step.check for step in found.trace)


def test_disabled_routes(example_setup: Setup) -> None:
    """A disabled route is not used; a fallback is always enabled (B-RT-11)."""
    setup = with_routes(example_setup, a_route("off", enabled=False), replace(FALLBACK, enabled=False))
    assert taken_by(resolved(setup, a_mail())) == ["last"]


def test_a_fallback_has_no_conditions(example_setup: Setup) -> None:
    """B-RT-11: conditions on a fallback are not asked."""
    assert taken_by(resolved(with_routes(example_setup, replace(FALLBACK, when=Conditions(subject_words=("no such word",)))), a_mail())) == ["last"]


def test_an_alias_without_route_is_unhandled(example_setup: Setup) -> None:
    """B-RT-11, E-16: the fallback serves the main address only; an alias that no route takes leads to *unhandled*."""
    found = resolved(with_routes(example_setup, FALLBACK), a_mail(to=(HELP,)), over_smtp(HELP))
    assert (actions(found), found.state) == (["unhandled"], InboundState.UNHANDLED)
    assert HELP in found.verdicts[0].because


def test_the_plus_form_of_the_main_address_is_served(example_setup: Setup) -> None:
    """A plus-tagged form is routed as its base address, by fallback and ordinary routes alike."""
    tagged = "support+newsletter@demo.example"
    assert taken_by(resolved(with_routes(example_setup, FALLBACK), a_mail(), over_smtp(tagged))) == ["last"]
    assert taken_by(resolved(with_routes(example_setup, a_route("one"), FALLBACK), a_mail(), over_smtp(tagged))) == ["one"]


def test_a_route_address_is_an_address_of_ours(example_setup: Setup) -> None:
    """An address that only a route names is received and routed (contract section 4)."""
    setup = with_routes(example_setup, a_route("jobs", address="jobs@demo.example"), FALLBACK)
    assert taken_by(resolved(setup, a_mail(), over_smtp("jobs@demo.example"))) == ["jobs"]


def test_a_wildcard_needs_senders(example_setup: Setup) -> None:
    """B-RT-12: a wildcard route without a list of senders takes nothing."""
    assert taken_by(resolved(with_routes(example_setup, replace(WILD, when=Conditions()), FALLBACK), a_mail())) == ["last"]


# ---------------------------------------------------------------- conditions

CONDITIONS = [
    (Conditions(subject_words=("invoice", "bill")), {"subject": "The BILL!"}, True),
    (Conditions(subject_words=("invoice;bill",)), {"subject": "the bill"}, True),
    (Conditions(subject_words=("invoice",)), {"subject": "invoices"}, False),
    (Conditions(subject_words=('"out of paper"',)), {"subject": "Printer out of paper"}, True),
    (Conditions(subject_words=("reponse",)), {"subject": "Réponse"}, True),
    (Conditions(subject_words=("broken",)), {"subject": "Printer", "text": "broken", "new_text": "broken"}, False),
    (Conditions(sender=("*@acme.example",)), {}, True),
    (Conditions(sender=("*@acme.example",)), {"from_": STRANGER}, False),
    (Conditions(sender=("someone@x.example; *@acme.example",)), {}, True),
    (Conditions(sender=("*@acme.example",)), {"from_": ()}, False),
    (Conditions(recipient=("boss@acme.example",)), {"cc": ("Boss@acme.example",)}, True),
    (Conditions(recipient=("*@partner.example",)), {"to": (SUPPORT, "x@partner.example")}, True),
    (Conditions(recipient=("*@partner.example",)), {}, False),
    (Conditions(importance="high"), {"importance": Importance.HIGH}, True),
    (Conditions(importance="high"), {}, False),
    (Conditions(attachment_types=("pdf",)), {"attachments": (attachment("a.PDF"),)}, True),
    (Conditions(attachment_types=(".pdf;*.doc",)), {"attachments": (attachment("a.doc"),)}, True),
    (Conditions(attachment_types=("pdf",)), {"attachments": (attachment("unnamed", "application/pdf"),)}, True),
    (Conditions(attachment_types=("jpg",)), {"attachments": (attachment("photo.jpeg"),)}, True),
    (Conditions(attachment_types=("png",)), {"attachments": (attachment("logo.png", "image/png", inline=True),)}, False),
    (Conditions(attachment_types=("png",)), {"attachments": (attachment("logo.png", "image/png"),)}, True),
    (Conditions(attachment_types=("pdf",)), {}, False),
    (Conditions(sender_company=("Acme", "Other")), {}, True),
    (Conditions(sender_company=("Globex",)), {}, False),
    (Conditions(sender_company=("Acme",)), {"from_": STRANGER}, False),
    (Conditions(subject_words=("invoice",), sender=("*@acme.example",)), {"subject": "invoice"}, True),
    (Conditions(subject_words=("invoice",), sender=("*@acme.example",)), {"subject": "invoice", "from_": STRANGER}, False),
    (Conditions(subject_words=("invoice",), sender=("*@acme.example",)), {}, False),
]


@pytest.mark.parametrize(("when", "mail", "matches"), CONDITIONS)
def test_conditions(example_setup: Setup, when: Conditions, mail: dict[str, object], matches: bool) -> None:
    """Each condition alone and ANDed; the text of a mail never routes it; inline images are no attachments.

    B-RT-02, B-RT-03, B-RT-04, B-RT-05, B-RT-13, E-18, E-19, E-20, E-21.
    """
    setup = with_routes(example_setup, a_route("first", when=when), FALLBACK)
    assert taken_by(resolved(setup, a_mail(**mail))) == ["first" if matches else "last"]  # type: ignore[arg-type]


def test_every_miss_is_told(example_setup: Setup) -> None:
    """Law 10: the trace names every route that was tried, and why it did not match."""
    setup = with_routes(example_setup, a_route("one", when=Conditions(importance="high")), a_route("two", address=HELP), FALLBACK)
    said = [(step.check, step.outcome, step.because) for step in resolved(setup, a_mail()).trace if step.step == "route"]
    assert said == [
        ("support / one (ordinary)", "miss", "importance is normal, not high"),
        ("support / two (ordinary)", "miss", f"it is for {HELP}"),
        ("support / last (fallback)", "hit", f"takes mail for {SUPPORT}"),
    ]


def test_the_trace_is_bounded(example_setup: Setup) -> None:
    """Five hundred routes do not make a trace without end."""
    routes = [a_route(f"r{n}", when=Conditions(importance="high")) for n in range(500)]
    found = resolved(with_routes(example_setup, *routes, FALLBACK), a_mail())
    assert actions(found) == ["open"]
    assert len(found.trace) == 201
    assert "more checks" in found.trace[-1].because


# ---------------------------------------------------------------- several addresses, blind copies

COMBINATIONS = [
    ("1 address in To", (SUPPORT,), (), (SUPPORT,), ["open"]),
    ("1 address in Cc", ("x@y.example",), (SUPPORT,), (SUPPORT,), ["open"]),
    ("2 addresses in To and Cc", (SUPPORT,), (CLAIMS,), (SUPPORT, CLAIMS), ["open", "open"]),
    ("main address and alias", (SUPPORT, HELP), (), (SUPPORT, HELP), ["open", "open"]),
    ("1 To + 1 Bcc, by envelope", (SUPPORT,), (), (SUPPORT, CLAIMS), ["open", "open"]),
    ("1 unconfigured", ("x@y.example",), (), ("unknown@demo.example",), ["unhandled"]),
    ("1 unconfigured + 1 configured", (SUPPORT,), (), ("unknown@demo.example", SUPPORT), ["unhandled", "open"]),
]


@pytest.mark.parametrize(("name", "to", "cc", "envelope", "wanted"), COMBINATIONS, ids=[row[0] for row in COMBINATIONS])
def test_combinations(example_setup: Setup, name: str, to: tuple[str, ...], cc: tuple[str, ...], envelope: tuple[str, ...], wanted: list[str]) -> None:
    """B-RT-07, B-DD-03, B6 table: one item per address of ours; with the envelope known, a blind copy is routed like any other (E-17)."""
    assert actions(resolved(example_setup, a_mail(to=to, cc=cc), over_smtp(*envelope))) == wanted


def test_the_configured_one_is_done_beside_an_unhandled(example_setup: Setup) -> None:
    """The message shows its most urgent verdict: something is left to decide."""
    found = resolved(example_setup, a_mail(), over_smtp("unknown@demo.example", SUPPORT))
    assert found.state is InboundState.UNHANDLED
    assert found.new_items == 1


BLIND = [
    ("no wildcard", [FALLBACK], JO, "unhandled"),
    ("wildcard for the sender", [WILD, FALLBACK], JO, "open"),
    ("wildcard for somebody else", [WILD, FALLBACK], STRANGER, "unhandled"),
    ("ordinary route", [a_route("one"), FALLBACK], JO, "unhandled"),
]


@pytest.mark.parametrize(("name", "routes", "who", "wanted"), BLIND, ids=[row[0] for row in BLIND])
def test_blind_copies_in_a_mailbox(example_setup: Setup, name: str, routes: list[Route], who: str, wanted: str) -> None:
    """B-UH-01, B-RT-12, B6 table: a fetched mail that names nobody of ours is taken by a wildcard route for its sender, or is unhandled."""
    found = resolved(with_routes(example_setup, *routes), a_mail(from_=who, to=("x@y.example",)), fetched())
    assert actions(found) == [wanted]


def test_a_delivery_field_makes_a_blind_copy_known(example_setup: Setup) -> None:
    """E-17: with a trusted delivery field a blind copy is routed like any other."""
    mail = a_mail(to=("x@y.example",), headers=[("Delivered-To", SUPPORT)])
    assert actions(resolved(example_setup, mail, fetched())) == ["open"]


def test_nobody_of_ours(example_setup: Setup) -> None:
    """B-UH-01, B-IV-02: a mail that names no address of ours is unhandled, not lost."""
    found = resolved(example_setup, a_mail(to=("x@y.example", "not an address")), Envelope("eml"))
    assert (actions(found), found.verdicts[0].recipient) == (["unhandled"], "")


def test_invalid_addresses_beside_valid_ones(example_setup: Setup) -> None:
    """B-IV-01: with one usable address the mail is processed, whatever stands beside it."""
    assert actions(resolved(example_setup, a_mail(to=("everybody", SUPPORT)), Envelope("eml"))) == ["open"]


def test_joe_tom_and_kevin(example_setup: Setup) -> None:
    """B-DD-05: To joe@a, tom@a, joe@b (alias of joe@a), Bcc kevin@a: two items for Joe's addresses, one for Tom; Kevin's is routed by the envelope (E-17)."""
    mail = a_mail(to=(SUPPORT, CLAIMS, HELP))
    found = resolved(example_setup, mail, over_smtp(SUPPORT, CLAIMS, HELP))
    assert (actions(found), found.new_items) == (["open", "open", "open"], 3)


def test_one_item_where_routes_share_a_queue(example_setup: Setup) -> None:
    """decisions.md 7: with the connector's option, routes that share a queue open one item."""
    shared = tuple(replace(connector, one_item_per_queue=True) for connector in example_setup.connectors)
    found = resolved(replace(example_setup, connectors=shared), a_mail(), over_smtp(SUPPORT, HELP, CLAIMS))
    assert [verdict.opens for verdict in found.verdicts] == [0, 0, 1]
    assert found.new_items == 2


# ---------------------------------------------------------------- effects


def test_a_route_that_ignores(example_setup: Setup) -> None:
    """Effect *ignore*: nothing is opened; the mail is kept with the reason."""
    found = resolved(with_routes(example_setup, a_route("quiet", effect=RouteEffect.IGNORE)), a_mail())
    assert (actions(found), found.state) == (["ignore"], InboundState.IGNORED)
    assert "quiet" in found.verdicts[0].because


def test_a_route_that_appends(example_setup: Setup) -> None:
    """Effect *append*: the mail is shown on the item that the route names, by whomever it is."""
    route = a_route("log", effect=RouteEffect.APPEND, item="101203-t")
    found = resolved(with_routes(example_setup, route), a_mail(from_=STRANGER), None, a_target())
    assert (actions(found), found.verdicts[0].item_id, found.verdicts[0].counts) == (["append"], "i101203", True)


def test_a_route_that_appends_to_nothing(example_setup: Setup) -> None:
    """An item that does not exist leaves the mail unhandled with a sentence."""
    found = resolved(with_routes(example_setup, a_route("log", effect=RouteEffect.APPEND, item="1-T")), a_mail())
    assert actions(found) == ["unhandled"]
    assert "does not exist" in found.verdicts[0].because


def test_a_route_to_a_process_that_is_gone(example_setup: Setup) -> None:
    """B-RT-15: a route whose process does not exist leaves the mail unhandled with a sentence."""
    found = resolved(with_routes(example_setup, a_route("lost", process="Gone")), a_mail())
    assert actions(found) == ["unhandled"]
    assert "Gone" in found.verdicts[0].because


def test_what_a_route_gives(example_setup: Setup) -> None:
    """B-RT-01: process, category, whether automatic mail is sent, and the address that was written to (E-36)."""
    setup = with_routes(example_setup, a_route("one", category="Question", send_automated_emails=True))
    verdict = resolved(setup, a_mail(), over_smtp("Support+x@Demo.example")).verdicts[0]
    assert (verdict.process, verdict.process_id, verdict.category, verdict.send_automated_emails) == ("General support", "p-support", "Question", True)
    assert verdict.reply_from == SUPPORT
    assert not resolved(with_routes(example_setup, a_route("one")), a_mail()).verdicts[0].send_automated_emails


# ---------------------------------------------------------------- blocked senders


def test_spam_to_a_ticket_process(example_setup: Setup) -> None:
    """B-BL-02: a blocked sender's mail creates a ticket to be closed at once, without automatic mail."""
    verdict = resolved(example_setup, a_mail(from_="ads@spam.example")).verdicts[0]
    assert (verdict.action, verdict.send_automated_emails) == (Action.REJECT_AS_SPAM, False)


def test_spam_to_a_case_process(example_setup: Setup) -> None:
    """B-BL-02: where the route would start a case nothing is created; the mail is unhandled."""
    assert actions(resolved(example_setup, a_mail(from_="ads@spam.example"), over_smtp(CLAIMS))) == ["unhandled"]


@pytest.mark.parametrize("to", [SUPPORT, CLAIMS])
def test_blocked_for_automatic_mail_only(example_setup: Setup, to: str) -> None:
    """B-BL-01 (a, b): the item is opened, automatic mail is not sent."""
    setup = replace(example_setup, blocked_addresses=(BlockedAddress("*@acme.example", BlockEffect.NO_AUTOMATED_EMAILS),))
    verdict = resolved(setup, a_mail(), over_smtp(to)).verdicts[0]
    assert (verdict.action, verdict.send_automated_emails) == (Action.OPEN, False)


# ---------------------------------------------------------------- expressions, fields, folders, and conditions turned round

SHOP = (("X-Shop", "Order 4711 shipped"), ("X-Shop", "Second"), ("X-Empty", ""))

FURTHER = [
    (Conditions(subject_pattern=r"^order\s+\d{4}$"), {"subject": "ORDER 4711"}, True),
    (Conditions(subject_pattern=r"^order\s+\d{4}$"), {"subject": "ORDER 47111"}, False),
    (Conditions(subject_pattern="école"), {"subject": "À l'ÉCOLE"}, True),
    (Conditions(subject_pattern="[unclosed"), {"subject": "[unclosed"}, False),
    (Conditions(headers=("X-Shop:",)), {"headers": SHOP}, True),
    (Conditions(headers=("x-empty:",)), {"headers": SHOP}, True),
    (Conditions(headers=("X-Shop: order 4711",)), {"headers": SHOP}, True),
    (Conditions(headers=("X-Shop: second",)), {"headers": SHOP}, True),
    (Conditions(headers=("X-Shop: 4711 order",)), {"headers": SHOP}, False),
    (Conditions(headers=("X-Shop: order", "X-Other:")), {"headers": SHOP}, False),
    (Conditions(headers=("X-Shop:",)), {}, False),
    (Conditions(header_patterns=(r"X-Shop: order \d+",)), {"headers": SHOP}, True),
    (Conditions(header_patterns=(r"X-Shop: ^second$", r"X-Shop: shipped$")), {"headers": SHOP}, True),
    (Conditions(header_patterns=(r"X-Shop: ^order$",)), {"headers": SHOP}, False),
]


@pytest.mark.parametrize(("when", "mail", "matches"), FURTHER)
def test_expressions_and_fields(example_setup: Setup, when: Conditions, mail: dict[str, object], matches: bool) -> None:
    """Expressions (RE2) and header fields are conditions like the others, without regard to case; the text of a mail is still none (B-RT-04)."""
    setup = with_routes(example_setup, a_route("first", when=when), FALLBACK)
    assert taken_by(resolved(setup, a_mail(**mail))) == ["first" if matches else "last"]  # type: ignore[arg-type]
    turned = with_routes(example_setup, a_route("first", unless=when), FALLBACK)
    assert taken_by(resolved(turned, a_mail(**mail))) == ["last" if matches else "first"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entries", "folder", "matches"),
    [
        (("Work",), "Work", True),
        (("work",), "WORK", True),
        (("Work", "Play"), "Play", True),
        (("Work",), "Work/Orders", False),
        (("Work/*",), "Work/Orders", True),
        (("Work/*",), "Workshop", False),
        (("*",), "Anything", True),
        (("*",), "", True),
        ((), "Anything", True),
        (("Work",), "", False),
    ],
)
def test_folders(example_setup: Setup, entries: tuple[str, ...], folder: str, matches: bool) -> None:
    """B-CN-12: a route may name folders of the mailbox; blank or `*` is any."""
    setup = with_routes(example_setup, a_route("first", when=Conditions(folder=entries)), FALLBACK)
    envelope = replace(fetched(), folder=folder)
    assert taken_by(resolved(setup, a_mail(), envelope)) == ["first" if matches else "last"]


def test_conditions_turned_round(example_setup: Setup) -> None:
    """`unless`: none of its conditions may hold, `when` still must; the trace says which one held."""
    unless = Conditions(sender=("*@acme.example",), subject_words=("invoice",))
    setup = with_routes(example_setup, a_route("first", when=Conditions(importance="normal"), unless=unless), FALLBACK)
    assert taken_by(resolved(setup, a_mail(from_=STRANGER, subject="Hello"))) == ["first"]
    for mail in (a_mail(subject="Hello"), a_mail(from_=STRANGER, subject="Invoice")):
        assert taken_by(resolved(setup, mail)) == ["last"]
    told = [step.because for step in resolved(setup, a_mail(subject="Hello")).trace if step.step == "route" and step.outcome == "miss"]
    assert told == ["unless: sender holds (*@acme.example)"]
    assert taken_by(resolved(setup, a_mail(from_=STRANGER, importance=Importance.HIGH))) == ["last"]


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){25}$", "([a-z]+)*\\d", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_expression_takes_long(example_setup: Setup, expression: str) -> None:
    """Expressions that take backtracking engines for ever take no time, in subjects and in fields of any length."""
    hostile = "a" * 50_000 + "!"
    setup = with_routes(example_setup, a_route("first", when=Conditions(subject_pattern=expression, header_patterns=(f"X-A: {expression}",))), FALLBACK)
    began = time.monotonic()
    resolved(setup, a_mail(subject=hostile, headers=[("X-A", hostile)] * 60))
    assert time.monotonic() - began < 2


def test_test_routes_and_test_contacts(example_setup: Setup) -> None:
    """B-RT-01, B-RT-18: a test route opens test items, and a test contact's mail does whatever its route says; others do not."""
    setup = with_routes(example_setup, a_route("trial", address=HELP, test=True), FALLBACK)
    assert [resolved(setup, a_mail(to=(to,)), over_smtp(to)).verdicts[0].test for to in (HELP, SUPPORT)] == [True, False]
    setup = replace(setup, test_contacts=("Tester@demo.example",))
    found = resolved(setup, a_mail(from_="tester+1@demo.example"))
    assert (found.verdicts[0].test, "a test item" in found.verdicts[0].because) == (True, True)
    assert any(step.step == "test" for step in found.trace)


def test_what_follows_a_test_item_is_one(example_setup: Setup) -> None:
    """E-47: the follow-up of a closed test item mails no stranger either."""
    target = a_target(replace(closed(), test=True))
    found = resolved(example_setup, a_mail(in_reply_to=("k",)), over_smtp(), target, known={"k": (target.item.id,)})
    assert (actions(found), found.verdicts[0].test) == (["follow_up"], True)


def test_a_flood_opens_nothing(example_setup: Setup) -> None:
    """A sender who opened too many items waits among the unhandled, while participants answer and follow up as ever."""
    target, said = a_target(), "the sender opened 60 items within this hour"
    found = resolved(example_setup, a_mail(), flooding=said)
    assert (actions(found), found.verdicts[0].because, found.state) == (["unhandled"], said, InboundState.UNHANDLED)
    assert actions(resolved(example_setup, a_mail(in_reply_to=("k",)), over_smtp(), target, known={"k": (target.item.id,)}, flooding=said)) == ["join"]
    old = a_target(closed())
    assert actions(resolved(example_setup, a_mail(in_reply_to=("k",)), over_smtp(), old, known={"k": (old.item.id,)}, flooding=said)) == ["follow_up"]
    assert actions(resolved(example_setup, a_mail(), replace(over_smtp(), archive=True), flooding=said)) == ["open"]
