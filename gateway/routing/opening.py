"""A mail that joins no item: by its route a new item is promised, or it is appended, ignored or left unhandled; writing it is `core/on_mail.py`."""

from __future__ import annotations

from dataclasses import replace

from core.evidence import Evidence, Standing
from core.setup import Process, Route, RouteEffect
from core.test_mode import is_test_contact
from core.verdict import Action, Verdict
from gateway.routing.classify import counts
from gateway.routing.facts import Target
from gateway.routing.recipients import Recipient, Source
from gateway.routing.requester import requester
from gateway.routing.routes import route_for
from gateway.routing.starting import Choice, asked, chosen, is_started
from gateway.routing.walk import Walk

FOLLOW_UP_OF = "follow_up_of"
MAY_BELONG_TO = "may_belong_to"
LINKED = "linked"
TEST_SAID = "; a test item"


def open_by_route(
    walk: Walk,
    recipient: Recipient | None,
    old: Target | None = None,
    link: str = "",
    *,
    evidence: Evidence = Evidence.NONE,
    standing: Standing = Standing.OTHER,
) -> Verdict:
    """The verdict of the recipient's routes. `old` is the item that a new one is linked to by `link`."""
    verdict = Verdict(
        recipient.key if recipient else "",
        Action.UNHANDLED,
        _unhandled(recipient),
        connector=recipient.connector if recipient else "",
        evidence=evidence,
        standing=standing,
        reply_from=recipient.base if recipient else "",
    )
    route = route_for(recipient, walk.subject, walk.setup, walk.trace) if recipient else None
    if route is None:
        return _without_route(walk, verdict, old, link)
    if route.effect is RouteEffect.IGNORE:
        return replace(verdict, action=Action.IGNORE, because=f"route “{route.name}” ignores it")
    if route.effect is RouteEffect.APPEND:
        return _append(walk, verdict, route)
    process = walk.setup.process_named.get(route.process)
    if process is None:
        return replace(verdict, because=f"route “{route.name}” names the process “{route.process}”, which does not exist")
    opening = replace(
        verdict, because=f"route “{route.name}”", category=route.category, send_automated_emails=route.send_automated_emails, test=route.test
    )
    return _open(walk, opening, process, old, link)


def _without_route(walk: Walk, verdict: Verdict, old: Target | None, link: str) -> Verdict:
    """Unhandled; but what follows up a closed item stays in that item's process, for it is known where it belongs (decisions.md 4)."""
    process = _present_process(walk, old) if old is not None and link == FOLLOW_UP_OF else None
    if process is None or old is None:
        return _by_command_alone(walk, verdict)
    item = old.item
    walk.trace.hit("route", item.ref, f"no route; the follow-up stays in {process.name}")
    kept = replace(verdict, because=f"as {item.ref}", category=item.category, send_automated_emails=item.send_automated_emails)
    if not verdict.connector:
        kept = replace(kept, connector=item.connector, reply_from=item.reply_from)
    return _open(walk, kept, process, old, link)


def _by_command_alone(walk: Walk, verdict: Verdict) -> Verdict:
    """Where no route takes the mail, the process that one of our people named does."""
    start = asked(walk)
    choice = chosen(start, None, walk.setup) if start is not None and verdict.recipient else Choice()
    return _open(walk, replace(verdict, because="no route"), choice.process, None, "") if choice.process is not None else verdict


def _by_command(walk: Walk, verdict: Verdict, process: Process) -> tuple[Verdict, Process]:
    """The process that one of our people named, instead of the route's; a category belongs to the route's own."""
    start = asked(walk)
    choice = chosen(start, process, walk.setup) if start is not None else Choice()
    if start is not None and choice.process is None:
        walk.asked_in_vain = choice.possible
        walk.trace.miss("start", f"#{start.kind} {start.process}".strip(), f"there is no such process, or several; there are {', '.join(choice.possible)}")
    if choice.process is None or start is None:
        return verdict, process
    walk.trace.hit("start", f"#{start.kind} {start.process}".strip(), f"{walk.facts.user} chose {choice.process.name}")
    category = verdict.category if choice.process.name == process.name else ""
    return replace(verdict, because=f"{verdict.because}; {walk.facts.user} chose {choice.process.name}", category=category), choice.process


def _present_process(walk: Walk, old: Target) -> Process | None:
    """The present version of the process an item began with."""
    began = walk.setup.process_by_id.get(old.item.process_id)
    return None if began is None else walk.setup.process_named.get(began.name, began)


def _open(walk: Walk, verdict: Verdict, process: Process, old: Target | None, link: str) -> Verdict:
    """A new item, unless the sender is blocked as spam: then a ticket that is closed at once, or nothing at all (B-BL-02)."""
    action = Action.FOLLOW_UP if link == FOLLOW_UP_OF else Action.OPEN
    verdict, process = _by_command(walk, verdict, process)
    if walk.is_spam:
        if process.kind == "case":
            return replace(verdict, because="the sender is blocked as spam, and the route would start a case (B-BL-02)", send_automated_emails=False)
        action = Action.REJECT_AS_SPAM
    copies = link == FOLLOW_UP_OF and verdict.standing is Standing.PARTICIPANT
    if walk.facts.flooding and not copies and not walk.facts.archive:
        walk.trace.miss("brake", walk.facts.sender.key, walk.facts.flooding)
        return replace(verdict, because=walk.facts.flooding, send_automated_emails=False, test=False)
    test = _is_test(walk, verdict, old)
    box, started = walk.connector(verdict.connector), asked(walk) is not None
    wanted = requester(walk.mail, walk.facts.sender, box, walk.setup, believed=is_started(walk), started=started)
    if wanted.said:
        walk.trace.hit("requester", wanted.person.key if wanted.person else "(nobody)", wanted.said)
    return replace(
        verdict,
        action=action,
        because=f"{verdict.because}{_linked(old, link)}{TEST_SAID if test else ''}",
        process=process.name,
        process_id=process.id,
        send_automated_emails=verdict.send_automated_emails and walk.blocked is None and not walk.classification.spam and not wanted.doubtful,
        test=test,
        opens=walk.place(verdict.reply_from, old.item.id if old and link == FOLLOW_UP_OF else "", verdict.connector, process),
        old_id=old.item.id if old else "",
        link=link if old else "",
        requester=wanted.person,
        created_by=wanted.started_by,
    )


def _is_test(walk: Walk, verdict: Verdict, old: Target | None) -> bool:
    """B-RT-01, B-RT-18, E-47: by its route, by its sender, or because it goes on with a test item."""
    sender = walk.facts.sender.key
    if is_test_contact(walk.setup, sender):
        walk.trace.hit("test", sender, "a test contact: what they write opens test items (B-RT-18)")
        return True
    if verdict.test:
        walk.trace.hit("test", verdict.recipient, f"{verdict.because} opens test items (B-RT-01)")
        return True
    return old is not None and old.item.test


def _linked(old: Target | None, link: str) -> str:
    if old is None:
        return ""
    said = {FOLLOW_UP_OF: "{ref} is closed: this follows it up", MAY_BELONG_TO: "may belong to {ref}", LINKED: "linked to {ref}"}
    return "; " + said[link].format(ref=old.item.ref)


def _append(walk: Walk, verdict: Verdict, route: Route) -> Verdict:
    item_id = walk.facts.by_ref.get(route.item.upper(), "")
    if not item_id:
        return replace(verdict, because=f"route “{route.name}” appends to {route.item}, which does not exist")
    counted = counts(walk.classification, participant=False, connector=walk.connector(verdict.connector))
    return replace(
        verdict,
        action=Action.APPEND,
        item_id=item_id,
        counts=counted and not walk.is_spam and not walk.facts.archive,
        quiet=walk.facts.archive,
        because=f"route “{route.name}” appends to {route.item}",
    )


def _unhandled(recipient: Recipient | None) -> str:
    if recipient is None:
        return "no address of ours is among the recipients, and the mail belongs to no item"
    if recipient.source is Source.BLIND:
        return "a blind copy, and no wildcard route takes it (B6)"
    return f"no route takes mail for {recipient.base}"
