"""Which items a mail points to, and how strongly: ids in its header, plus-tags of recipients, references in the subject; what follows is `weigh.py`.

behaviour.md B3 as decisions.md reads it: the strongest evidence wins, and the order of B3 decides only between equal evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.connector import PlusMode
from core.evidence import WAYS, Evidence, Standing, Way
from core.mail import FREE_MAIL_DOMAINS, Mail
from core.refs import references_in_subject
from core.work_item import WorkItem
from gateway.routing.authentication import Dmarc
from gateway.routing.facts import Facts, Sender, Target
from gateway.routing.forward import is_forward
from gateway.routing.recipients import Recipient
from gateway.routing.trace import Trace

REPLACING_LINKS = ("merged_into", "converted_to")
"""Whoever looks for the item is to be led to the other one (B-EF-10, B-EF-11)."""
SPLIT_LINK = "split_into"
"""Each of them is meant (B-EF-09)."""
MAX_HOPS = 20
OUTDATED = ", signed by us too long ago to prove anything"

_RANK = {evidence: rank for rank, evidence in enumerate(Evidence)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing in the mail that points to items. `said` is the sentence's name for it; `recipient` is the key of the address whose plus-tag
    it is, '' for the others."""

    way: Way
    said: str
    value: str
    items: tuple[str, ...]
    recipient: str = ""

    @property
    def evidence(self) -> Evidence:
        return WAYS[self.way][0]


def message_ids(mail: Mail) -> tuple[tuple[str, str], ...]:
    """(way, id) of every id the mail answers to: In-Reply-To first, then References newest first, each once."""
    seen: dict[str, str] = {}
    for message_id in mail.in_reply_to:
        seen.setdefault(message_id, "In-Reply-To")
    for message_id in reversed(mail.references):
        seen.setdefault(message_id, "References")
    return tuple((way, message_id) for message_id, way in seen.items() if message_id)


def candidates(mail: Mail, facts: Facts, trace: Trace) -> tuple[Candidate, ...]:
    """All that point to an item we have, the best first."""
    found = [
        *_by_ids(mail, facts, trace, signed=True),
        *_by_signed_tags(facts, trace),
        *_by_ids(mail, facts, trace, signed=False),
        *_by_outdated_tags(facts, trace),
        *_by_plain_tags(facts, trace),
        *_by_subject(mail, facts, trace),
    ]
    return tuple(sorted(found, key=lambda candidate: _RANK[candidate.evidence]))


def _by_ids(mail: Mail, facts: Facts, trace: Trace, *, signed: bool) -> Iterable[Candidate]:
    said = "our signed Message-ID" if signed else "the id of a mail we have"
    for name, message_id in message_ids(mail):
        if (message_id in facts.signed) is not signed:
            continue
        items = facts.known.get(message_id, ())
        if not items:
            trace.miss("match", f"{name} {message_id}", f"{said}, but it belongs to no item" if signed else "no mail with this id is known")
        elif not signed and _changed_forward(mail, facts, items):
            trace.miss("match", f"{name} {message_id}", "a forward to another address of ours is not a reply (E-03)")
        else:
            outdated = message_id in facts.outdated
            trace.hit("match", f"{name} {message_id}", f"{said}{OUTDATED if outdated else ''}: {_refs(facts, items)}")
            way = Way.SIGNED_ID if signed else Way.OUTDATED if outdated else Way.ID
            yield Candidate(way, name, message_id, items)


def _changed_forward(mail: Mail, facts: Facts, items: tuple[str, ...]) -> bool:
    """A forward whose recipients are not those the item was written to (E-03)."""
    if not is_forward(mail.subject):
        return False
    wrote_to = {facts.targets[item_id].item.reply_from for item_id in items if item_id in facts.targets}
    return not any(recipient.base in wrote_to for recipient in facts.recipients)


def _by_signed_tags(facts: Facts, trace: Trace) -> Iterable[Candidate]:
    for recipient in facts.recipients:
        if recipient.signed_ref:
            way, said = (Way.BOUNCE_ADDRESS, "bounce address of a mail of") if recipient.bounce_of else (Way.SIGNED_ADDRESS, "signed plus-address")
            yield from _by_ref(way, said, recipient.signed_ref, recipient.key, facts, trace)


def _by_outdated_tags(facts: Facts, trace: Trace) -> Iterable[Candidate]:
    """Old signed addresses go on working, as well as any id that we know (decisions.md 13)."""
    for recipient in facts.recipients:
        if recipient.outdated_ref:
            name = "bounce address" if recipient.bounce_of else "signed plus-address"
            yield from _by_ref(Way.OUTDATED, f"{name}{OUTDATED}", recipient.outdated_ref, recipient.key, facts, trace)


def _by_plain_tags(facts: Facts, trace: Trace) -> Iterable[Candidate]:
    for recipient in facts.recipients:
        if recipient.plain_ref:
            yield from _by_ref(Way.PLAIN_ADDRESS, "plus-address", recipient.plain_ref, recipient.key, facts, trace)
        elif recipient.bounce_of and not (recipient.signed_ref or recipient.outdated_ref):
            trace.miss("match", f"bounce address {recipient.key}", "its mail is not in the outbox any more, or belongs to no item")
        elif recipient.agent_of:
            trace.miss("match", f"plus-address {recipient.key}", "the address for answers by one of our people; it leads no customer's mail anywhere")
        elif recipient.tag and not (recipient.signed_ref or recipient.outdated_ref):
            trace.miss("match", f"plus-address {recipient.key}", "the tag is neither a reference nor signed by us")


def _by_subject(mail: Mail, facts: Facts, trace: Trace) -> Iterable[Candidate]:
    for ref in references_in_subject(mail.subject):
        yield from _by_ref(Way.SUBJECT, "reference in the subject", ref, "", facts, trace)


def _by_ref(way: Way, said: str, ref: str, recipient: str, facts: Facts, trace: Trace) -> Iterable[Candidate]:
    item_id = facts.by_ref.get(ref, "")
    if item_id:
        trace.hit("match", f"{said} {ref}", f"{WAYS[way][0]} evidence")
        yield Candidate(way, said, ref, (item_id,), recipient)
    else:
        trace.miss("match", f"{said} {ref}", "there is no such item")


def _refs(facts: Facts, items: Iterable[str]) -> str:
    return ", ".join(facts.targets[item_id].item.ref for item_id in items if item_id in facts.targets)


def counting(listed: tuple[Candidate, ...], recipient: Recipient | None, facts: Facts, trace: Trace) -> tuple[Candidate, ...]:
    """The candidates that count in the mode of the connector the mail came to; for a mail that names no address of ours, in that of their item."""
    kept = []
    for one in listed:
        mode = _mode(one, recipient, facts)
        if mode in WAYS[one.way][1]:
            kept.append(one)
        else:
            trace.miss("match", f"{one.said} {one.value}", f"proves nothing where plus_addressing is “{mode}”")
    return tuple(kept)


def _mode(candidate: Candidate, recipient: Recipient | None, facts: Facts) -> PlusMode:
    target = facts.targets.get(candidate.items[0])
    name = recipient.connector if recipient is not None else target.item.connector if target is not None else ""
    connector = facts.setup.connector_named.get(name)
    return connector.plus_mode if connector is not None else PlusMode.OFF


def chosen(listed: tuple[Candidate, ...], recipient: Recipient | None, facts: Facts) -> Candidate | None:
    """The candidate that counts for one recipient: the best of all.

    But a recipient whose own tag is as strong keeps it where another recipient answers to the best (E-04: each referenced item is appended to).
    """
    best = next(iter(listed), None)
    if best is None or recipient is None:
        return best
    mine = _own_tag(listed, recipient, best)
    if mine is None or mine.items == best.items:
        return best
    if best.recipient:
        return mine
    others = (_own_tag(listed, other, best) for other in facts.recipients if other.key != recipient.key)
    return mine if any(other is None or other.items == best.items for other in others) else best


def _own_tag(listed: tuple[Candidate, ...], recipient: Recipient, best: Candidate) -> Candidate | None:
    return next((one for one in listed if one.recipient == recipient.key and one.evidence is best.evidence), None)


def meant(candidate: Candidate, recipient: Recipient | None, facts: Facts, trace: Trace) -> tuple[Target, ...]:
    """The items a candidate stands for, for one recipient: that of its address if one mail opened several, and links followed to their end."""
    targets = [facts.targets[item_id] for item_id in candidate.items if item_id in facts.targets]
    if len(targets) > 1:
        targets = [_nearest(targets, recipient)]
    ends: dict[str, Target] = {}
    for target in targets:
        ends.update((end.item.id, end) for end in follow(target, facts, trace))
    return tuple(ends.values())


def _nearest(targets: list[Target], recipient: Recipient | None) -> Target:
    base, connector = (recipient.base, recipient.connector) if recipient else ("", "")
    return min(targets, key=lambda target: (target.item.reply_from != base, target.item.connector != connector, target.item.number))


def follow(target: Target, facts: Facts, trace: Trace) -> tuple[Target, ...]:
    """Where merged, converted and split items lead, with a guard against circles (E-50, B-EF-09…11). An item that leads nowhere is its own end."""
    ends: dict[str, Target] = {}
    waiting = [target]
    seen: set[str] = set()
    while waiting and len(seen) < MAX_HOPS:
        here = waiting.pop(0)
        if here.item.id in seen:
            continue
        seen.add(here.item.id)
        further = _further(here, facts)
        if further:
            trace.hit("match", f"{here.item.ref} leads on", ", ".join(one.item.ref for one in further))
            waiting.extend(further)
        else:
            ends[here.item.id] = here
    return tuple(ends.values()) or (target,)


def _further(target: Target, facts: Facts) -> tuple[Target, ...]:
    replaced = [link.other_id for link in target.links if link.kind in REPLACING_LINKS]
    parts = [link.other_id for link in target.links if link.kind == SPLIT_LINK]
    return tuple(facts.targets[other] for other in (replaced[:1] or parts) if other in facts.targets)


def standing(sender: Sender, target: Target) -> tuple[Standing, str]:
    """Who the sender is to an item, and the sentence for the trace. With several authors, all must be participants."""
    item = target.item
    if sender.authors and all(keys & target.participants for keys in sender.authors):
        return Standing.PARTICIPANT, f"{sender.key} takes part in {item.ref}"
    domain = sender.key.rpartition("@")[2]
    if item.company and sender.domain_company == item.company and domain not in FREE_MAIL_DOMAINS:
        return Standing.SAME_COMPANY, f"{sender.key} is not on {item.ref}, but writes from {item.company}"
    if sender.authentication.dmarc is Dmarc.PASS:
        return Standing.AUTHENTICATED, f"{sender.key} is not on {item.ref}; {sender.authentication.because}"
    return Standing.OTHER, f"{sender.key or 'nobody'} is not on {item.ref}, and nobody vouches for the address"


def follow_ups(closed: WorkItem, facts: Facts) -> tuple[Target, ...]:
    """The open follow-ups of a closed item and of its closed follow-ups, newest first (decisions.md 4)."""
    found: dict[str, Target] = {}
    waiting = [closed.id]
    seen: set[str] = set()
    while waiting and len(seen) < MAX_HOPS:
        here = facts.targets.get(waiting.pop())
        if here is None or here.item.id in seen:
            continue
        seen.add(here.item.id)
        if here.item.status.value != "closed":
            found[here.item.id] = here
        waiting.extend(link.other_id for link in here.links if link.kind == "followed_by")
    return tuple(sorted(found.values(), key=lambda target: target.item.number, reverse=True))
