"""From which address a mail leaves and by which connector (C-GW-02, C-GW-03): the one rule for letters, automatic mails, notices and alarms.

The address comes first, and the connector follows from it. What becomes of the mail when that connector rests or is switched off is not decided here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from core.mail import Address, address_key, split_tag
from core.permissions import visible_to
from core.refusal import Refused
from core.setup import Connector, Role, Setup, User
from core.wording import clean_line
from core.work_item import WorkItem

NO_WAY = "There is no connector that may send this mail; an administrator must configure one for outgoing mail."
MOST_NAMED = 10
"""Addresses that a refusal names."""


@dataclass(frozen=True, slots=True)
class Sender:
    """An address of ours, and the connector that takes its mail out."""

    connector: Connector
    address: str

    def named(self, name: str) -> Address:
        """As it stands in From."""
        return Address(self.address, name)


def owner_of(setup: Setup, address: str) -> Connector | None:
    """The connector that an address belongs to (main address, alias, address of a route, plus-tagged or not), whatever its direction."""
    key = address_key(address)
    return setup.connector_of.get(key) or setup.connector_of.get(split_tag(key)[0])


def way_of(setup: Setup, address: str) -> Connector | None:
    """The connector a From address leaves by: its own if that is outgoing or both, else the desk's default one; None where neither sends (C-GW-02).

    One that is switched off is the answer as well: people's mails wait for it.
    """
    return next((one for one in (owner_of(setup, address), _default(setup)) if one is not None and one.sends), None)


def answering(setup: Setup, connector: str, reply_from: str) -> Sender | None:
    """Who answers for a mail or an item: the address the customer wrote to, else that of its mailbox (E-36), else the desk's default; None: nobody sends.

    A mailbox that only receives keeps its address in From, and the default connector takes its mail out.
    """
    mailbox = setup.connector_named.get(connector)
    for address in (reply_from if reply_from and owner_of(setup, reply_from) else "", mailbox.address if mailbox is not None else ""):
        way = way_of(setup, address) if address else None
        if way is not None:
            return Sender(way, address)
    default = _default(setup)
    return Sender(default, default.address) if default is not None and default.sends else None


def main_address(setup: Setup, connector: str, reply_from: str) -> Sender | None:
    """As `answering`, by the main address of that mailbox: the one whose plus-addresses were tested, so that answers by our own people come back signed."""
    found = answering(setup, connector, reply_from)
    mailbox = owner_of(setup, found.address) if found is not None else None
    if mailbox is None or not mailbox.tags_replies:
        return found
    way = way_of(setup, mailbox.address)
    return Sender(way, mailbox.address) if way is not None else found


def sender_for(setup: Setup, wanted: str, item: WorkItem, user: User | None = None) -> Sender:
    """The sender of a person's mail: the address they `wanted`, or with '' the one the customer wrote to.

    Raises Refused for an address that `usable` does not name, and where nothing can send.
    """
    if not wanted:
        found = answering(setup, item.connector, item.reply_from)
        if found is None:
            raise Refused(NO_WAY)
        return found
    known = tuple(usable(setup, item, user))
    chosen = next((one for one in known if address_key(one.address) == address_key(wanted)), None)
    if chosen is None:
        others = ", ".join(one.address for one in known[:MOST_NAMED])
        raise Refused(f"“{clean_line(wanted, 320)}” is no address that this mail can be sent from" + (f"; there is {others}." if others else "."))
    return chosen


def usable(setup: Setup, item: WorkItem, user: User | None = None) -> Iterator[Sender]:
    """The addresses a mail on this item may be sent from, the usual one first: of its mailbox, of mailboxes whose routes fill its queue or a queue
    that the user works from, and of the default connector. An administrator has all of them."""
    usual = answering(setup, item.connector, item.reply_from)
    yield from _offered(setup, _boxes(setup, item, user), [usual.address] if usual is not None else [])


def open_to(setup: Setup, user: User) -> Iterator[Sender]:
    """The addresses a user may send from whatever it is about: of the mailboxes whose routes fill a queue that they work from. An administrator has all."""
    yield from _offered(setup, None if user.role is Role.ADMIN else frozenset(_feeding(setup, user.queues)), [])


def _offered(setup: Setup, boxes: frozenset[str] | None, first: list[str]) -> Iterator[Sender]:
    """The `first` addresses, then every address of the mailboxes of these names (None: of all), as far as something takes their mail out."""
    offered = [*first]
    for connector in setup.connectors:
        if boxes is None or connector.name in boxes:
            offered += [connector.address, *connector.aliases]
            offered += [route.address for route in setup.routes if route.connector == connector.name and route.enabled and "@" in route.address]
    for address in _once(offered):
        way = way_of(setup, address)
        if way is not None:
            yield Sender(way, address)


def nobody(setup: Setup) -> Sender | None:
    """Who sends an automatic mail that nobody can answer: the unmonitored address, by its own connector or, where that is switched off, by the default
    one (C-GW-03). Where everything is switched off the mail waits; None: nothing sends."""
    return another_way(setup) or next((Sender(way, address) for way, address in _unanswerable(setup)), None)


def another_way(setup: Setup, avoid: Container[str] = ()) -> Sender | None:
    """The same, but only by a connector that is switched on and not to be avoided (by name): for news of one that fails."""
    return next((Sender(way, address) for way, address in _unanswerable(setup) if way.enabled and way.name not in avoid), None)


def _unanswerable(setup: Setup) -> Iterator[tuple[Connector, str]]:
    """Every way for such a mail, best first. By its own and by the default connector it bears the unmonitored address, by others their own."""
    unmonitored = setup.unmonitored_address
    for way in (owner_of(setup, unmonitored) if unmonitored else None, _default(setup)):
        if way is not None and way.sends:
            yield way, unmonitored or way.address
    yield from ((way, way.address) for way in setup.connectors if way.sends)


def _boxes(setup: Setup, item: WorkItem, user: User | None) -> frozenset[str] | None:
    """Names of the connectors whose addresses may stand in From; None: all."""
    sight = visible_to(user, setup) if user is not None else None
    if sight is not None and sight.everything:
        return None
    queues = {item.queue, item.home_queue, *(user.queues if user is not None else ())} - {""}
    return frozenset((item.connector, setup.default_connector, *_feeding(setup, queues)))


def _feeding(setup: Setup, queues: Container[str]) -> Iterator[str]:
    """Names of the connectors whose routes fill one of these queues."""
    return (route.connector for route in setup.routes if route.enabled and _queue_of(setup, route.process) in queues)


def _queue_of(setup: Setup, process: str) -> str:
    named = setup.process_named.get(process)
    return named.queue if named is not None else ""


def _once(addresses: list[str]) -> list[str]:
    kept: dict[str, str] = {}
    for one in addresses:
        kept.setdefault(address_key(one), one)
    return list(kept.values())


def _default(setup: Setup) -> Connector | None:
    return setup.connector_named.get(setup.default_connector)
