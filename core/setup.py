"""What administrators configure (connectors, routes, processes, people), as one immutable value; reading and editing it happens in `gateway/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from core.by_mail import ByMail
from core.connector import Connector as Connector
from core.connector import PlusMode as PlusMode
from core.connector import Profile as Profile
from core.connector import Provider as Provider
from core.connector import Strangers as Strangers
from core.mail import address_key, split_tag


class RouteKind(StrEnum):
    """The strict order classes of routes (B-RT-10)."""

    ORDINARY = "ordinary"
    WILDCARD = "wildcard"
    FALLBACK = "fallback"


class RouteEffect(StrEnum):
    """What a route does with the mail it matches."""

    OPEN = "open"
    IGNORE = "ignore"
    APPEND = "append"


class BlockEffect(StrEnum):
    """The modes of a blocked address (B-BL-01)."""

    NO_AUTOMATED_EMAILS = "no_automated_emails"
    REJECT_AS_SPAM = "reject_as_spam"


class Role(StrEnum):
    """What a user may see and do (decisions.md 21)."""

    AGENT = "agent"
    LEADER = "leader"
    ADMIN = "admin"


class UnknownPolicy(StrEnum):
    """What happens after an unknown outcome (decisions.md 18)."""

    REPEAT = "repeat"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Company:
    """A customer's company; `domains` are domain keys."""

    name: str
    """What the company is called."""
    domains: tuple[str, ...] = ()
    """Senders in these domains are of the company; a free-mail domain never makes one."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who works on items. `undo_send` is None where the user keeps the default of decisions.md 14."""

    id: str
    email: str
    """Log-in and address; it decides who somebody is."""
    name: str
    role: Role
    """What the person may see and do."""
    team: str = ""
    """Name of a team."""
    queues: tuple[str, ...] = ()
    """Queues they work from: their items are seen and taken."""
    language: str = ""
    timezone: str = ""
    undo_send: timedelta | None = None
    """How long their mails wait and can be taken back (0 to PT2M)."""
    signature: str = ""
    """What stands below their mails where they ask for it."""
    signature_html: str = ""
    """The same for mails that are written in HTML; without it the text is used."""
    absent_until: datetime | None = None
    """Until when they are away: nothing is told to them, and what wakes goes to their deputy."""
    deputy: str = ""
    """E-mail of the user who gets what wakes meanwhile; without one it goes back to its queue."""
    by_mail: ByMail = field(default_factory=ByMail)
    """What they are told by mail, and how their mails are understood; their own choice."""
    active: bool = True

    def is_absent(self, now: datetime) -> bool:
        """Whether they are away at `now` (aware)."""
        return self.absent_until is not None and now < self.absent_until


@dataclass(frozen=True, slots=True)
class Team:
    """People and who leads them; `leader` is an e-mail address."""

    name: str
    leader: str = ""
    """E-mail of the user who sees everything of the team."""


@dataclass(frozen=True, slots=True)
class RetryTemplate:
    """An immutable version of a named list of waits between attempts (decisions.md 19)."""

    id: str
    name: str
    intervals: tuple[timedelta, ...]
    """Waits between attempts; after the last a mail has failed."""


@dataclass(frozen=True, slots=True)
class Process:
    """An immutable version of a ticket or case process; `kind` is `ticket` or `case`. A `feedback_window` of zero closes at once."""

    id: str
    kind: str
    name: str
    customer: str = ""
    contract: str = ""
    service: str = ""
    categories: tuple[str, ...] = ()
    """Of tickets: what routes and people sort them by; `A/B` is a part of `A`."""
    queue: str = ""
    """Where its new items wait."""
    feedback_window: timedelta = timedelta(days=5)
    """How long a resolved item can be reopened by an answer; zero closes at once."""
    resolution_needs_mail_or_note: bool = False
    """Resolving asks for an answer or a note in the same session (A-TK-16)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a route matches: all that are given must hold (B-RT-02, B-RT-03); an empty one asks nothing.

    As `Route.unless` the sense is turned round: none that is given may hold.
    """

    subject_words: tuple[str, ...] = ()
    """Words or phrases of which the subject holds one, whole, without regard to case and accents."""
    sender: tuple[str, ...] = ()
    """Addresses, domains (`*@b.example`) and groups of subdomains (`*.b.example`) of which the sender is one."""
    recipient: tuple[str, ...] = ()
    """The same, of which some recipient is one."""
    importance: str = ""
    """`high`, `normal` or `low`."""
    attachment_types: tuple[str, ...] = ()
    """Extensions of which an attachment that is no inline image has one."""
    sender_company: tuple[str, ...] = ()
    """Names of companies of which the sender is."""
    subject_pattern: str = ""
    """A regular expression (RE2 syntax) that the subject must hold somewhere, without regard to case."""
    headers: tuple[str, ...] = ()
    """`Name: words`: the header field is there and holds these words; `Name:` alone asks that it is there."""
    header_patterns: tuple[str, ...] = ()
    """`Name: expression` (RE2 syntax, without regard to case): some field of that name holds a match."""
    folder: tuple[str, ...] = ()
    """Folders of the mailbox that the mail was fetched from (B-CN-12); `*` is any."""


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a connector's routing list. `address` is an address key, or `*` for a wildcard route."""

    id: str
    connector: str
    """Name of the connector whose list it stands in."""
    name: str
    kind: RouteKind
    address: str
    """The address of ours it serves; `*` for a wildcard route."""
    process: str = ""
    """Name of the process whose items it opens."""
    category: str = ""
    """Of tickets: the category they begin with."""
    effect: RouteEffect = RouteEffect.OPEN
    """What is done: open an item, ignore the mail (kept), or append it to `item`."""
    item: str = ""
    """Reference of the item that effect *append* appends to."""
    send_automated_emails: bool = False
    """Whether an acknowledgement is sent."""
    enabled: bool = True
    test: bool = False
    """Opens test items: nothing automatic leaves for anybody but test contacts (B-RT-01, E-47)."""
    when: Conditions = Conditions()
    """All conditions in it must hold."""
    unless: Conditions = Conditions()
    """No condition in it may hold."""


@dataclass(frozen=True, slots=True)
class BlockedAddress:
    """A sender pattern (`a@b`, `*@b`, `*.b`) and what is done with its mail."""

    address: str
    effect: BlockEffect


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """An immutable version of an administrator's text for one purpose and language; the shipped ones are files in `templates/mail`."""

    id: str
    purpose: str
    """Which mail it is for, see docs/templates.md; a template of another purpose is another template."""
    language: str
    subject: str = ""
    """One line; needed, except for `reply_instructions`, which is a line in other mails."""
    text: str = ""
    """Always needed, also with HTML."""
    html: str = ""
    files: tuple[str, ...] = ()
    """Names of files of the desk (`guichet file list --desk`) that go with the mail."""


@dataclass(frozen=True, slots=True)
class CannedText:
    """A text that people put into their mails; `files` are names of files on the desk's shelf (`guichet file list`)."""

    title: str
    """What it is found by, besides its words."""
    text: str
    language: str = ""
    """Offered first to people of this language; '' for every language."""
    service: str = ""
    """The service line (`service` of a process) whose items it is for; '' for all."""
    html: str = ""
    """The same for mails that are written in HTML."""
    files: tuple[str, ...] = ()
    """Names of files of the desk that are attached with it."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A key that signs mail whose From is in `domain`; the private key is in the secret store, the public one in the DNS."""

    domain: str
    """The domain of the From address."""
    selector: str
    """The name in the DNS: `SELECTOR._domainkey.DOMAIN`."""
    secret: str
    """Name of the private key in the secret store (`guichet secret list`)."""
    enabled: bool = True
    """Whether it signs; a new one is switched on when its DNS record is there."""


@dataclass(frozen=True)
class Setup:
    """Everything administrators configured, at one `revision`. Lists keep the order of the desk file."""

    revision: int = 0
    name: str = "Guichet"
    timezone: str = "UTC"
    language: str = "en"
    default_connector: str = ""
    unmonitored_address: str = ""
    counts: tuple[str, ...] = ()
    """Senders whose automatic mail counts like a person's (decisions.md 2)."""
    never_counts: tuple[str, ...] = ()
    """Senders whose mail never counts, whatever it looks like (decisions.md 2)."""
    test_contacts: tuple[str, ...] = ()
    """Senders whose mail always opens test items (B-RT-18), and the only ones that those mail to (E-47)."""
    attachment_types: tuple[str, ...] = ()
    """File extensions that may be opened; () is the shipped list, `*` everything (E-42, E-43)."""
    bcc_all: tuple[str, ...] = ()
    """Addresses that get a blind copy of every mail that leaves (C-GW-05), but for what the users themselves are told."""
    redirect_all: tuple[str, ...] = ()
    """For test systems: every mail goes to these addresses instead of its recipients (C-GW-05)."""
    max_mail_size: int = 25 * 2**20
    """Largest mail a person may write, in bytes as it leaves; looked at when it is saved (C-CO-09); 100 MB at the most."""
    max_file_size: int = 25 * 2**20
    """Largest file that may be put on an item or on the desk's shelf, in bytes (C-CO-10); 100 MB at the most."""
    companies: tuple[Company, ...] = ()
    queues: tuple[str, ...] = ()
    teams: tuple[Team, ...] = ()
    users: tuple[User, ...] = ()
    retry_templates: tuple[RetryTemplate, ...] = ()
    connectors: tuple[Connector, ...] = ()
    processes: tuple[Process, ...] = ()
    old_processes: tuple[Process, ...] = ()
    """Earlier versions that items still refer to."""
    old_retry_templates: tuple[RetryTemplate, ...] = ()
    """Earlier versions that outgoing mails still refer to."""
    routes: tuple[Route, ...] = ()
    blocked_addresses: tuple[BlockedAddress, ...] = ()
    mail_templates: tuple[MailTemplate, ...] = ()
    canned_texts: tuple[CannedText, ...] = ()
    dkim_keys: tuple[DkimKey, ...] = ()

    @cached_property
    def connector_of(self) -> dict[str, Connector]:
        """Address key → connector: main addresses and aliases first, then the addresses of routes."""
        table: dict[str, Connector] = {}
        for route in self.routes:
            owner = self.connector_named.get(route.connector)
            if owner is not None and "@" in route.address:
                table[address_key(route.address)] = owner
        for connector in self.connectors:
            table.update(dict.fromkeys(connector.keys, connector))
        return table

    @cached_property
    def connector_named(self) -> dict[str, Connector]:
        return {connector.name: connector for connector in self.connectors}

    @cached_property
    def process_named(self) -> dict[str, Process]:
        """The current version of each process by name."""
        return {process.name: process for process in self.processes}

    @cached_property
    def process_by_id(self) -> dict[str, Process]:
        """Every version, current and old, by id."""
        return {process.id: process for process in (*self.old_processes, *self.processes)}

    @cached_property
    def retry_template_by_id(self) -> dict[str, RetryTemplate]:
        """Every version, current and old, by id."""
        return {template.id: template for template in (*self.old_retry_templates, *self.retry_templates)}

    @cached_property
    def user_of(self) -> dict[str, User]:
        """Active users by address key."""
        return {address_key(user.email): user for user in self.users if user.active}

    @cached_property
    def company_of_domain(self) -> dict[str, Company]:
        return {domain: company for company in self.companies for domain in company.domains}

    def receiver(self, address: str) -> Connector | None:
        """The connector that an envelope recipient belongs to (main address, alias, route address, each also plus-tagged), or None."""
        key = address_key(address)
        connector = self.connector_of.get(key) or self.connector_of.get(split_tag(key)[0])
        return connector if connector is not None and connector.receives else None

    def speaker(self, name: str) -> Connector | None:
        """The connector that answers for one that may only receive: itself, else the desk's default (C-GW-02); None where neither sends."""
        candidates = (self.connector_named.get(name), self.connector_named.get(self.default_connector))
        return next((one for one in candidates if one is not None and one.sends), None)

    def is_ours(self, address: str) -> bool:
        """Whether an address is one of ours in any direction, plus-tagged or not."""
        key = address_key(address)
        return key in self.connector_of or split_tag(key)[0] in self.connector_of or (bool(self.unmonitored_address) and key == address_key(self.unmonitored_address))

    def company(self, domain: str) -> Company | None:
        """The company that owns a domain key, if any."""
        return self.company_of_domain.get(domain)

    def retry_template(self, name: str) -> RetryTemplate | None:
        return next((template for template in self.retry_templates if template.name == name), None)
