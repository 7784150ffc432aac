"""A mail that points to an item: what the evidence table, the item's state and the sender make of it; finding the evidence is `match.py`."""

from __future__ import annotations

from dataclasses import replace

from core.evidence import Evidence, Outcome, Standing, outcome
from core.mail import address_key
from core.setup import Connector, Strangers
from core.status import Status
from core.verdict import Action, Kind, Verdict
from gateway.routing import match
from gateway.routing.agent import filed, is_colleague
from gateway.routing.authentication import Dmarc
from gateway.routing.classify import counts, doubtful, overrules
from gateway.routing.facts import Target
from gateway.routing.opening import FOLLOW_UP_OF, LINKED, MAY_BELONG_TO, open_by_route
from gateway.routing.recipients import Recipient
from gateway.routing.starting import asked
from gateway.routing.walk import Walk

JOINS = frozenset({Outcome.JOIN, Outcome.JOIN_CC})


def weigh(walk: Walk, recipient: Recipient | None, candidate: match.Candidate, target: Target) -> Verdict:
    """The verdict for one item that the mail points to."""
    item, own = target.item, walk.facts.own
    if own is not None and item.id == own.item_id:
        return open_by_route(walk, recipient, target, LINKED)  # sent from there to another mailbox of ours (decisions.md 7)
    if asked(walk) is not None:
        return open_by_route(walk, recipient, target, LINKED)  # one of our people wants a new one
    ours = filed(walk, recipient, target, f"{candidate.said}: {candidate.evidence} evidence", candidate.evidence)
    if ours is not None:
        return ours
    found, standing, because = _outcome(walk, recipient, candidate.evidence, target)
    walk.trace.add("evidence", f"{item.ref}: {candidate.evidence} × {standing}", str(found), because)
    verdict = Verdict(
        recipient.key if recipient else "",
        Action.JOIN,
        f"{candidate.said}: {candidate.evidence} evidence; {because}",
        connector=recipient.connector if recipient else item.connector,
        item_id=item.id,
        evidence=candidate.evidence,
        standing=standing,
    )
    if item.status is Status.CLOSED and found is not Outcome.NEW_MARKED:
        return _closed(walk, recipient, target, verdict, found)
    if found in JOINS:
        return _join(walk, verdict, found)
    if found is Outcome.HOLD and not walk.is_spam:
        return replace(verdict, action=Action.HOLD)
    return open_by_route(walk, recipient, target, MAY_BELONG_TO, evidence=candidate.evidence, standing=standing)


def _outcome(walk: Walk, recipient: Recipient | None, evidence: Evidence, target: Target) -> tuple[Outcome, Standing, str]:
    standing, because = _standing(walk, evidence, target)
    connector = walk.connector(recipient.connector if recipient else target.item.connector)
    failed = walk.facts.sender.authentication.dmarc is Dmarc.FAIL
    found = outcome(evidence, standing, dmarc_failed=failed, strangers=connector.strangers if connector else Strangers.HOLD)
    return found, standing, f"{because}; {walk.facts.sender.authentication.because}" if failed else because


def _standing(walk: Walk, evidence: Evidence, target: Target) -> tuple[Standing, str]:
    """As `match.standing`; but what we sent ourselves, or kept in an archive, speaks for itself.

    Whoever got the mail we sent can copy its id, too: with that and our name in From a reference that anybody can write leads nowhere.
    """
    sender = walk.facts.sender
    own = walk.facts.is_own and evidence is not Evidence.WEAK
    vouched = walk.facts.archive or (own and sender.authentication.dmarc is not Dmarc.FAIL)
    if sender.ours and vouched:
        return Standing.PARTICIPANT, f"{sender.key} is one of our own addresses"
    if is_colleague(walk, target.item.id) and walk.classification.kind is Kind.ORDINARY:
        return Standing.OTHER, f"{sender.key} is one of our people and no contact of {target.item.ref}, and nothing shows that the mail is theirs"
    return match.standing(sender, target)


def _join(walk: Walk, verdict: Verdict, found: Outcome) -> Verdict:
    """Joined. Automatic mail is only appended; spam and history are joined without waking anything (decisions.md 2, E-14)."""
    kind, connector = walk.classification.kind, walk.connector(verdict.connector)
    participant = verdict.standing is Standing.PARTICIPANT and not _at_bounce_address(walk, verdict) and not is_colleague(walk, verdict.item_id)
    counted = counts(walk.classification, participant=participant, connector=connector)
    automatic = not counted and (kind not in (Kind.ORDINARY, Kind.OWN) or walk.classification.spam or walk.classification.never)
    silent = walk.is_spam or walk.facts.archive
    return replace(
        verdict,
        action=Action.APPEND if automatic else Action.JOIN,
        counts=counted and not silent and not _from_assignee(walk, verdict.item_id),
        doubtful=not counted and not silent and doubtful(walk.classification, participant=participant),
        quiet=walk.facts.archive,
        adds_cc=found is Outcome.JOIN_CC and not automatic,
        because=_said_of(walk, verdict, connector, automatic=automatic),
    )


def _at_bounce_address(walk: Walk, verdict: Verdict) -> bool:
    """Only programs write there, so that what is automatic does not count as a participant's answer."""
    return any(one.bounce_of and one.key == verdict.recipient for one in walk.facts.recipients)


def _said_of(walk: Walk, verdict: Verdict, connector: Connector | None, *, automatic: bool) -> str:
    """Why it counts although it is automatic, or does not."""
    found = walk.classification
    if automatic:
        kind = "marked as spam" if found.spam and found.kind is Kind.ORDINARY else "a sender whose mail never counts" if found.never else str(found.kind)
        return f"{verdict.because}; {kind}: does not count as an answer"
    if connector is not None and overrules(found, connector):
        return f"{verdict.because}; {found.kind}: auto_replies_count of {connector.name} makes it count"
    return verdict.because


def _from_assignee(walk: Walk, item_id: str) -> bool:
    """A mail of the person who has the item does not wake it (E-11)."""
    item = walk.facts.targets[item_id].item
    return any(person and address_key(person) in walk.facts.sender.keys for person in (item.assignee, item.owner))


def _closed(walk: Walk, recipient: Recipient | None, target: Target, verdict: Verdict, found: Outcome) -> Verdict:
    """The item is closed: its open follow-up takes the mail, else a new item follows it up (decisions.md 4, A-TK-24).

    Whether the sender may join decides only what is copied: what would be held on an open item is a follow-up without anything of the old one.
    """
    item = target.item
    for follow_up in match.follow_ups(item, walk.facts):
        there_found, standing, because = _outcome(walk, recipient, verdict.evidence, follow_up)
        if there_found in JOINS:
            walk.trace.hit("follow-up", follow_up.item.ref, f"open follow-up of {item.ref}; {because}")
            said = f"{item.ref} is closed; {follow_up.item.ref} follows it up; {because}"
            return _join(walk, replace(verdict, item_id=follow_up.item.id, standing=standing, because=said), there_found)
        walk.trace.miss("follow-up", follow_up.item.ref, because)
    joined = _join(walk, verdict, Outcome.JOIN)
    if found in JOINS and (joined.action is Action.APPEND or walk.facts.archive or walk.is_spam):
        return replace(joined, counts=False, doubtful=False, quiet=True, because=f"{joined.because}; the item stays closed")
    return _follow_up(walk, recipient, target, verdict, copies=found in JOINS and verdict.standing is Standing.PARTICIPANT)


def _follow_up(walk: Walk, recipient: Recipient | None, target: Target, verdict: Verdict, *, copies: bool) -> Verdict:
    """One new item for the closed one, however many of our addresses the mail names (B-RT-08)."""
    earlier = walk.followed.get(target.item.id)
    if earlier is not None:
        return replace(earlier, recipient=verdict.recipient)
    opened = open_by_route(walk, recipient, target, FOLLOW_UP_OF, evidence=verdict.evidence, standing=verdict.standing)
    if opened.action is Action.FOLLOW_UP:
        opened = replace(opened, copies=copies)
        walk.followed[target.item.id] = opened
    return opened
