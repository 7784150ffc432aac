"""The links in mails to our people: shown before, done once, by the person they were made for; what each does is `link_deeds.py`.

A link is authority for one deed by one person, and no more. Looking at it changes nothing: that it was opened is one line of the audit list, the
first time. What it does, and that it was used, is one commit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.agent_record import LINK, LINK_OPENED, AgentOutcome, AgentRecord
from core.decision import Decision
from core.link_words import Impossible, say
from core.mail import address_key
from core.mail_links import LinkDeed, MailLink
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.transitions import IllegalTransition
from gateway.clock import Clock
from gateway.keys import Keys
from gateway.link_deeds import Asked, LinkDeeds, Prepared, Released
from gateway.link_page import Page, Past, language_for, language_of, moment, over, refused, unknown, used
from gateway.store import agent_mails, mail_links
from gateway.store.engine import Database
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.apply import Apply

log = logging.getLogger("guichet.links")

LONGEST_NOTE = 10_000
FORGED_AGAIN_AFTER = timedelta(minutes=1)
"""Of links that are none of ours one line is logged so often, with how many they were."""


class LinkDesk(LinkDeeds):
    """`released` says what else is done when a held mail is let go by its link. A token whose MAC is not ours costs no look into the database."""

    def __init__(
        self,
        database: Database,
        setups: Setups,
        clock: Clock,
        apply: Apply,
        keys: Keys,
        *,
        wake_outbox: Callable[[], None] = lambda: None,
        released: Released = lambda connection, link, message, scene: Decision(),
    ) -> None:
        super().__init__(database, setups, clock, apply, wake_outbox=wake_outbox)
        self._keys = keys
        self.released = released
        self.forged = Forged(clock)

    def look(self, token: str, *, accepted: str = "") -> Page:
        """What the link would do, in words; nothing is changed but the audit list. `accepted` is an Accept-Language header, for tokens that name nobody."""
        link_id = self.verified(token)
        if not link_id:
            return unknown(accepted)
        opened_id = _opened(link_id)
        with self._database.read() as connection:
            link = mail_links.get(connection, link_id)
            known = agent_mails.has(connection, opened_id)
        if link is None:
            return unknown(accepted)
        if not known:
            self._note(link_id, opened_id, LINK_OPENED, "its page was opened; nothing was done")
        with self._database.read() as connection:
            setup = self._setups.current(connection)
            try:
                asked = self._asked(link, setup)
                return _asking(self._prepared(connection, asked), asked)
            except Past as past:
                return past.page
            except (Refused, IllegalTransition) as reason:
                return refused(reason, language_for(link, setup))

    def confirm(self, token: str, answer: str = "", *, note: str = "", accepted: str = "") -> Page:
        """Do it, once: the button was pressed. `answer` is its value ('' = the link's own deed), `note` a resolution that was typed."""
        link_id = self.verified(token)
        if not link_id:
            return unknown(accepted)
        language = language_of(accepted)

        def deed(connection: Connection) -> Page:
            nonlocal language
            link = mail_links.get(connection, link_id, lock=True)
            if link is None:
                return unknown(accepted)
            setup = self._setups.current(connection)
            language = language_for(link, setup)
            asked = replace(self._asked(link, setup), answer=answer, note=note[:LONGEST_NOTE], lock=True)
            return self._done(connection, asked)

        try:
            page = self._durably(deed)
        except Past as past:
            return past.page
        except (Refused, IllegalTransition) as reason:
            log.info("link_refused", extra={"link": link_id, "reason": str(reason)})
            return refused(reason, language)
        self._wake_outbox()
        return page

    def unsubscribe(self, token: str) -> bool:
        """RFC 8058: no page, no question; False for what is no link to unsubscribe by, which then does nothing. Idempotent."""
        link_id = self.verified(token)
        if not link_id:
            return False
        with self._database.read() as connection:
            link = mail_links.get(connection, link_id)
        if link is None or link.deed is not LinkDeed.UNSUBSCRIBE:
            return False
        return self.confirm(token, str(LinkDeed.UNSUBSCRIBE)).status == 200

    def not_pressed(self, token: str) -> None:
        """Something asked for the deed without pressing the button: a line on the audit list, one for each link, and nothing else."""
        link_id = self.verified(token)
        if link_id:
            self._note(link_id, link_id, LINK, "asked for without the button of its page")

    def verified(self, token: str) -> str:
        """The id of the link that a token names, '' where it is none of ours: that is logged, and the database knows nothing of it."""
        link_id = self._keys.verified_link(token)
        if not link_id:
            self.forged.came()
        return link_id

    def _note(self, link_id: str, record_id: str, reason: str, words: str) -> None:
        """One line of the audit list, written by whoever comes first."""
        with self._database.lazy() as connection:
            link = mail_links.get(connection, link_id, lock=True)
            if link is not None and not agent_mails.has(connection, record_id):
                agent_mails.add(connection, (self._record(link, record_id, AgentOutcome.IGNORED, f"{link.deed}: {words}", reason),))

    def _record(self, link: MailLink, record_id: str, outcome: AgentOutcome, words: str, reason: str = LINK) -> AgentRecord:
        return AgentRecord(record_id, "", self._clock.now(), link.user_key, "", outcome, reason, words, link.item_id)

    def _done(self, connection: Connection, asked: Asked) -> Page:
        """Write it, and that the link was used. What raises here takes both back."""
        prepared = self._prepared(connection, asked)
        if prepared.write is None:
            return _asking(prepared, asked)
        if prepared.note_needed:
            return replace(_asking(prepared, asked), status=422)
        link, scene = asked.link, asked.scene
        if not prepared.stays and not mail_links.use(connection, link.id, scene.now):
            raise Past(used(link, scene.now, scene.user, scene.setup))
        prepared.write(connection)
        if not prepared.stays:  # a person's own choices stand in the history of the desk
            agent_mails.add(connection, (self._record(link, self._clock.new_id(), AgentOutcome.DONE, f"{link.deed}, by the link in a mail"),))
        log.info("link_used", extra={"link": link.id, "deed": str(link.deed), "user": link.user_key, "item": link.item_id})
        return Page(200, asked.language, asked.say("done"), prepared.did, prepared.about, (asked.say("close"),), prepared.further)

    def _asked(self, link: MailLink, setup: Setup) -> Asked:
        """Raises Impossible for a person who left, Past for a link that was used or is over."""
        user = setup.user_of.get(address_key(link.user_key))
        if user is None:
            raise Impossible("left_us")
        now = self._clock.now()
        if link.used_at is not None:
            raise Past(used(link, link.used_at, user, setup))
        if link.expires_at <= now:
            raise Past(over(link, user, setup))
        return Asked(link, Scene(user, setup, now), language_for(link, setup))


class Forged:
    """Counts what is no link of ours and says so in the log, at most once a minute; safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said_at: datetime | None = None
        self._since = 0

    def came(self) -> None:
        now = self._clock.now()
        with self._lock:
            self._since += 1
            if self._said_at is not None and timedelta(0) <= now - self._said_at < FORGED_AGAIN_AFTER:
                return
            since, self._since, self._said_at = self._since, 0, now
        log.warning("link_forged", extra={"since_the_last_line": since})


def _opened(link_id: str) -> str:
    """The id of the line that says that a link was opened: there is one for each."""
    return sha256(f"opened {link_id}".encode()).hexdigest()[:32]


def _asking(prepared: Prepared, asked: Asked) -> Page:
    """The page before anything is done; without a button where there is nothing to do."""
    user, setup = asked.scene.user, asked.scene.setup
    once = () if prepared.stays else (asked.say("until", until=moment(asked.link.expires_at, user, setup, asked.language)),)
    return Page(
        200,
        asked.language,
        say(asked.language, "ask" if prepared.buttons else "not_done"),
        prepared.would,
        prepared.about,
        (*((asked.say("nothing_yet"), *once) if prepared.buttons else ()), asked.say("for", name=user.name or user.email)),
        prepared.buttons,
        asked.say("note") if prepared.note else "",
        prepared.note_needed,
    )
