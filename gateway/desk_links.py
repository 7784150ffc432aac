"""The links in mails to our people: shown before, done once, by the person they were made for; what each does is `link_deeds.py`.

A link is authority for one deed by one person, and no more. Looking at it changes nothing. What it does, and that it was used, is one commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.agent_record import AgentOutcome, AgentRecord
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
LINK = "link"
"""The reason on the audit list of what came by a link and not by a mail."""


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

    def look(self, token: str, *, accepted: str = "") -> Page:
        """What the link would do, in words; nothing is changed. `accepted` is an Accept-Language header, for tokens that name nobody."""
        link_id = self._keys.verified_link(token)
        if not link_id:
            return unknown(accepted)
        with self._database.read() as connection:
            link = mail_links.get(connection, link_id)
            if link is None:
                return unknown(accepted)
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
        link_id = self._keys.verified_link(token)
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
        link_id = self._keys.verified_link(token)
        if not link_id:
            return False
        with self._database.read() as connection:
            link = mail_links.get(connection, link_id)
        if link is None or link.deed is not LinkDeed.UNSUBSCRIBE:
            return False
        return self.confirm(token, str(LinkDeed.UNSUBSCRIBE)).status == 200

    def not_pressed(self, token: str) -> None:
        """Something asked for the deed without pressing the button: a line on the audit list, one for each link, and nothing else."""
        link_id = self._keys.verified_link(token)
        if not link_id:
            return
        with self._database.lazy() as connection:
            link = mail_links.get(connection, link_id, lock=True)
            if link is not None and not agent_mails.has(connection, link.id):
                agent_mails.add(connection, (self._record(link, link.id, AgentOutcome.IGNORED, f"{link.deed}: asked for without the button of its page"),))

    def _record(self, link: MailLink, record_id: str, outcome: AgentOutcome, words: str) -> AgentRecord:
        return AgentRecord(record_id, "", self._clock.now(), link.user_key, "", outcome, LINK, words, link.item_id)

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
