"""Mail that our people handed in at the submission door: put on its item, or on a new one, and into the outbox as if written on the page.

It stands in the commit that settles the mail. Who may hand in what is `core/submitting.py`, what a mail of theirs does to its item
`core/on_agent_mail.py`, which item it is `submitted_item.py`, the door `gateway/inbound/submission.py`.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from urllib.parse import unquote

from sqlalchemy import Connection

from core.agent_answers import Since
from core.agent_record import AgentOutcome
from core.agent_steps import Around, Steps, carried_out, steps_of
from core.agent_trust import REFUSED, THEIRS, Distrust
from core.agent_trust import sentence as why_distrusted
from core.command_plan import planned
from core.command_words import Said
from core.commands import parse
from core.conversation import Conversation
from core.decision import Decision, KnownId
from core.held_reply import happened_since, held
from core.mail import Attachment, address_key
from core.mail_links import url
from core.marker import survives
from core.on_agent_mail import Came, Ids, Means, No, by_mail, done, ignored, refused
from core.on_submitted import (
    AUTOMATIC,
    COMMAND_IN_SUBJECT,
    NO_ROUTE,
    NOBODY,
    NOT_SEEN,
    NOT_YOURS,
    ONLY_COMMANDS,
    PERHAPS_AUTOMATIC,
    SURVIVED,
    TOO_LONG,
    Addressed,
    addressed,
    begun,
    default_route,
)
from core.original import LetterKind
from core.permissions import sees, visible_to
from core.refusal import Refused
from core.scene import Scene
from core.senders import owner_of
from core.setup import Setup, User
from core.submitting import refused_author
from core.transitions import IllegalTransition
from core.verdict import DUPLICATE_WINDOW
from core.wording import TEXT
from core.work_item import WorkItem
from core.writing import Letter
from gateway.agent_files import Files, Told, files_of
from gateway.agent_reply import reply_of, with_files
from gateway.clock import Clock
from gateway.desk_letters import Asked, ready
from gateway.inbound.by_agent import AgentMail
from gateway.inbound.remote import loading
from gateway.keys import Keys
from gateway.outbound.bodies import text_of_html
from gateway.routing.forward import is_forward
from gateway.store import agent_mails, attachments, brakes, conversations, intake_keys, items, originals, outboxes, said_since
from gateway.store.intake_keys import write_keys
from gateway.submitted_item import Pointed, pointed_to

log = logging.getLogger("guichet.submission")

AN_HOUR = timedelta(hours=1)
MOST_SECRETS = 200
"""Things in one mail that look like a link or an address of ours, and are asked for their signature; with more it is held unasked."""
_TAG = re.compile(r"\+(a\.[0-9a-z]{8,80}\.[0-9a-z]{8,64})@", re.IGNORECASE)
_LINK = re.compile(r"/m/([0-9A-Za-z_-]{8,80}\.[0-9a-z]{20,40})")
_ENCRYPTED = frozenset({"smime_encrypted", "pgp_encrypted"})


class _No(Exception):
    """It does not leave; `said` is why and what to do, in both languages."""

    def __init__(self, said: Said, reason: str = "refused") -> None:
        super().__init__(str(said))
        self.said = said
        self.reason = reason


class Submitted:
    """Implements `ByAgent` for what was handed in for people outside. `public_url` '' = mails have no links."""

    def __init__(self, clock: Clock, keys: Keys, *, public_url: str = "", link_days: int = 7, refusals_per_hour: int = 10) -> None:
        self.clock = clock
        self.keys = keys
        self.public_url = public_url
        self.link_life = timedelta(days=link_days)
        self.refusals_per_hour = refusals_per_hour

    def __call__(self, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> Decision:
        """One mail, once: however often it is handed in. Nothing is lost: what does not leave is kept, and its author is told."""
        return _Work(self, connection, agent_mail, setup, now).decided()


class _Work:
    """One mail while it is decided about."""

    def __init__(self, desk: Submitted, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> None:
        self._desk = desk
        self._connection = connection
        self._mail = agent_mail.mail
        self._agent_mail = agent_mail
        self._setup = setup
        self._now = now
        self._user_key = agent_mail.envelope.submitted_by
        self._user: User | None = setup.user_of.get(self._user_key)
        self._item: WorkItem | None = None
        author = agent_mail.mail.author
        self._came = Came(
            agent_mail.inbound_id,
            agent_mail.envelope.received_at or now,
            author.key if author is not None else "",
            agent_mail.mail.message_id,
            agent_mail.mail.references,
            fingerprint=agent_mail.verdict.fingerprint,
        )
        self._means = self._made_means()

    def decided(self) -> Decision:
        if self._agent_mail.classification.kind in AUTOMATIC:
            return ignored(self._came, self._user_key, "", str(Distrust.AUTOMATIC), self._now, self._means)
        if self._came_before():
            return ignored(self._came, self._user_key, "", str(Distrust.COPY), self._now, self._means)
        try:
            made = self._sent()
        except _No as no:
            return self._refused(no.said, no.reason)
        except (Refused, IllegalTransition) as no:
            return self._refused(Said(str(no), str(no)), "refused")
        self._taken_in()
        return made

    # ------------------------------------------------------------ into the outbox

    def _sent(self) -> Decision:
        user = self._believed()
        scene = Scene(user, self._setup, self._now)
        author = self._mail.author
        assert author is not None, "somebody is believed to have written it"
        people = addressed(self._mail, self._agent_mail.envelope.recipients, author.address, self._setup)
        if not people.people:
            raise _No(NOBODY)
        pointed = pointed_to(self._connection, self._desk.keys, self._mail, self._agent_mail.envelope)
        if pointed.item_id:
            before, item = Decision(), self._locked(pointed.item_id, user)
        else:
            before, item = self._begun(people, author.address, scene)
        talk = conversations.conversation(self._connection, item.id) if pointed.item_id else Conversation(contacts=before.contacts)
        steps, files = self._steps(item, people, pointed, scene)
        assert steps.letter is not None
        found = ready(self._connection, item, scene, steps.letter, Asked(attach=files.uploads))
        reply = reply_of(found, files)
        unsent = outboxes.unsent_of(self._connection, (item.id,)).get(item.id, ()) if talk.unsent_mail() else ()
        steps = replace(steps, letter=reply.letter)
        made = carried_out(item, steps, scene, Around(talk, tuple(unsent), reply.original), self._means.ids.draft)
        made = with_files(self._connection, self._desk.clock, made, self._means.ids.draft, item, reply, scene)
        why, since = self._why_held(files, scene), self._since(item, pointed, talk, scene)
        if why or since:
            made = held(self._came, item, steps, made, scene, self._means, why=why, since=since)
        else:
            made = done(self._came, item, steps, made, scene, self._means)
        return by_mail(before, self._came.inbound_id, scene.by) + made + self._known(item)

    def _steps(self, item: WorkItem, people: Addressed, pointed: Pointed, scene: Scene) -> tuple[Steps, Files]:
        """The letter as it was written, or with commands in its first lines what they mean, and the words below them. Raises _No and Refused."""
        mail = self._mail
        about = pointed.about if not is_forward(mail.subject) else ""
        answers = LetterKind.REPLY if about else LetterKind.ANSWER if pointed.item_id and not is_forward(mail.subject) else LetterKind.NEW
        parsed = parse(mail.subject, mail.new_text or mail.text)
        if parsed.faults:
            raise _No(Said("\n".join(one.en for one in parsed.faults), "\n".join(one.fr for one in parsed.faults)))
        if parse(mail.subject, "", told_subject="").commands:
            raise _No(COMMAND_IN_SUBJECT)
        steps, text, html = Steps(), mail.text, loading(mail.html)
        if parsed.commands:
            self._came = replace(self._came, commands=tuple(one.written for one in parsed.commands))
            plan = planned(parsed, item, scene.user, scene.setup, scene.now, internal=False)
            if plan.letter is None:
                raise _No(ONLY_COMMANDS)
            steps, text, html = steps_of(plan), plan.letter.text, ""
        if len(text) > TEXT:
            raise _No(TOO_LONG.filled(count=len(text), most=TEXT))
        files = files_of(mail, html, self._piece, self._setup, Told())
        wanted = steps.letter or Letter()
        letter = replace(
            wanted,
            text=text,
            html=files.html,
            to=people.to,
            cc=people.cc,
            bcc=people.bcc,
            subject=mail.subject,
            importance=mail.importance,
            undo=scene.user.by_mail.undo if wanted.send_at is None else None,
            kind=answers,
            about=about,
            from_=mail.author.address if mail.author is not None else "",
        )
        return replace(steps, letter=letter), files

    def _begun(self, people: Addressed, address: str, scene: Scene) -> tuple[Decision, WorkItem]:
        route, mailbox = default_route(self._setup, address), owner_of(self._setup, address)
        if route is None or mailbox is None:
            raise _No(NO_ROUTE.filled(address=address))
        (number,) = items.take_numbers(self._connection, 1)
        made = begun(self._mail, people, route, mailbox, scene, item_id=f"{self._agent_mail.inbound_id}.0", number=number)
        return made, made.items[0]

    def _known(self, item: WorkItem) -> Decision:
        """The mail program's own id: its copy of the mail may be answered, or a recipient of that copy may answer."""
        named = self._mail.message_id
        if not named or self._desk.keys.verified_message_id(named):
            return Decision()
        return Decision(known_ids=(KnownId(named, item.id, "out", self._means.ids.draft),))

    def _piece(self, one: Attachment) -> bytes:
        return attachments.piece(self._connection, self._agent_mail.inbound_id, one)

    # ------------------------------------------------------------ its item

    def _locked(self, item_id: str, user: User) -> WorkItem:
        """Mails that wait are locked before their item, as everywhere."""
        outboxes.lock_unsent(self._connection, (item_id,))
        item = items.load(self._connection, (item_id,), lock=True).get(item_id)
        if item is None or not sees(visible_to(user, self._setup), item):
            raise _No(NOT_SEEN, "no_item")
        self._item = item
        return item

    # ------------------------------------------------------------ held

    def _why_held(self, files: Files, scene: Scene) -> str:
        """A piece of what we told them is in it, or in a file of it, which then stays behind."""
        mail = self._mail
        marked = survives(mail.text) or survives(mail.subject) or (mail.html and survives(text_of_html(mail.html)))
        if not (files.left_out or marked or any(map(self._has_secret, (mail.subject, mail.text, mail.html)))):
            return ""
        return " ".join((self._say(SURVIVED), *files.left_out[:5]))

    def _has_secret(self, words: str) -> bool:
        """Whether a link or an address for answers that we signed for one of our people stands in it, as it is or wrapped by a program that watches links."""
        words, keys = unquote(words), self._desk.keys
        tags, links = ([one[1] for one in islice(sign.finditer(words), MOST_SECRETS + 1)] for sign in (_TAG, _LINK))
        return max(len(tags), len(links)) > MOST_SECRETS or any(map(keys.verified_agent_tag, tags)) or any(map(keys.verified_link, links))

    def _since(self, item: WorkItem, pointed: Pointed, talk: Conversation, scene: Scene) -> tuple[Since, ...]:
        """What was said after the mail that is answered, or else after this one was written (decisions.md 16)."""
        if not pointed.item_id:
            return ()
        original = originals.original_of(self._connection, item.id, pointed.about) if pointed.about else None
        written = self._mail.date if self._mail.date is not None else self._came.at
        since = original.original.at if original is not None else min(written, self._came.at)
        customers = said_since.by_customers(self._connection, item.id, since, (pointed.about,) if pointed.about else ())
        return happened_since(talk, tuple(one for one in customers if one.at > since), scene.by, since, scene.setup)

    # ------------------------------------------------------------ once

    def _key(self) -> tuple[str, str]:
        """What it is taken in for, in the place of an address of ours: who handed it in, for whom. A mail for many may come in parts."""
        whom = sha256("\n".join(sorted(map(address_key, self._agent_mail.envelope.recipients))).encode("utf-8", "replace")).hexdigest()
        return "", f"{self._user_key} {whom}"

    def _came_before(self) -> bool:
        """The same mail for the same people: the answer to it was lost on its way, and the mail program handed it in again."""
        mail = self._mail
        for row in intake_keys.taken(self._connection, mail, (self._key(),)):
            same = row.content_key == mail.content_key and row.inbound_id != self._agent_mail.inbound_id
            if same and (mail.message_id or abs(self._came.at - row.at) <= DUPLICATE_WINDOW):
                return True
        return False

    def _taken_in(self) -> None:
        """Raises TakenMeanwhile where another worker has just done so: then all is decided again."""
        write_keys(self._connection, self._agent_mail.inbound_id, self._mail, (self._key(),), self._now)

    # ------------------------------------------------------------ who

    def _believed(self) -> User:
        """Who handed it in, if the mail as it is read whole says the same as its header did at the door. Raises _No."""
        user, mail = self._user, self._mail
        if user is None:
            raise _No(_distrust(Distrust.LEFT), str(Distrust.LEFT))
        if mail.partial or _ENCRYPTED & set(mail.protection):
            raise _No(_distrust(Distrust.UNREADABLE), str(Distrust.UNREADABLE))
        if self._agent_mail.classification.kind in PERHAPS_AUTOMATIC:
            raise _No(_distrust(Distrust.AUTOMATIC), str(Distrust.AUTOMATIC))
        if refused_author(mail.from_, self._agent_mail.envelope.recipients, user, self._setup):
            raise _No(NOT_YOURS, str(Distrust.NOT_THEIRS))
        if mail.author is not None and owner_of(self._setup, mail.author.address) is None:  # their own address, to us alone: nothing leaves
            raise _No(NOT_YOURS, str(Distrust.NOT_THEIRS))
        return user

    def _refused(self, said: Said, reason: str) -> Decision:
        log.info("submitted_refused", extra={"inbound_id": self._agent_mail.inbound_id, "user": self._user_key, "reason": said.en[:300]})
        since = self._now - AN_HOUR
        if reason in (REFUSED, *THEIRS):  # what others send in their name uses up no answer of theirs
            before = agent_mails.refused(self._connection, self._user_key, since, (REFUSED, *THEIRS))
        else:
            before = agent_mails.counted(self._connection, self._user_key, since).get(str(AgentOutcome.REFUSED), 0)
        means = replace(self._means, may_tell=self._means.may_tell and before < self._desk.refusals_per_hour)
        own = self._mail.new_text or self._mail.text
        no = No(reason, self._say(said), said.en, trusted=True, own_words=own)
        return refused(self._came, no, self._user, self._user_key, self._item, self._setup, self._now, means)

    def _say(self, said: Said) -> str:
        return said.in_language((self._user.language if self._user is not None else "") or self._setup.language)

    def _made_means(self) -> Means:
        desk = self._desk
        ids = Ids(*(desk.clock.new_id() for _ in range(6)))
        known = self._user is not None and not brakes.suppressed(self._connection, (self._user_key,), self._now)
        return Means(ids, lambda link_id: url(desk.public_url, desk.keys.link_token(link_id)), desk.link_life, may_tell=known)


def _distrust(distrust: Distrust) -> Said:
    return Said(why_distrusted(distrust, "en"), why_distrusted(distrust, "fr"))
