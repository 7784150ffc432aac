"""Carries out what our own people write by mail: reads the facts, asks the core, hands back one decision; it stands in the commit that settles the mail.

What a mail does is `core/on_agent_mail.py`; an answer to the customer is made ready in `agent_reply.py`; mail from the submission door is `submitted.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.absence import warning
from core.agent_record import AgentOutcome
from core.agent_steps import Around, Steps, as_left, carried_out, steps_of
from core.agent_text import AgentText
from core.agent_trust import REFUSED, SILENT, THEIRS, Distrust
from core.agent_trust import sentence as why_distrusted
from core.command_help import help_text
from core.command_plan import Plan, planned
from core.command_words import Name, Said
from core.commands import Parsed, parse
from core.decision import Decision
from core.held_reply import discarded, held, let_go, released, require_held
from core.link_words import Impossible, place_words
from core.mail import address_key
from core.mail_links import MailLink, url
from core.on_agent_mail import Came, Ids, Means, No, asked_for_help, done, filed, ignored, refused
from core.outbox import OutboxMessage, Purpose
from core.permissions import sees, visible_to
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.transitions import IllegalTransition
from core.verdict import Action
from core.work_item import WorkItem
from gateway.agent_answered import Answered, answered, said_meanwhile
from gateway.agent_reply import prepared, with_files
from gateway.clock import Clock
from gateway.inbound.agent_html import words_of
from gateway.inbound.by_agent import BY_AGENT, AgentMail, ByAgent, nobody
from gateway.keys import Keys
from gateway.store import agent_mails, brakes, conversations, items, outboxes

log = logging.getLogger("guichet.agent_mail")

AN_HOUR = timedelta(hours=1)
CARRIED_OUT = (AgentOutcome.DONE, AgentOutcome.HELD, AgentOutcome.FILED)

NOT_SEEN = Said("There is no such item that you may see; nothing was done.", "Il n’y a pas de tel élément que vous puissiez voir ; rien n’a été fait.")
NOT_TO_CUSTOMERS = Said(
    "This answers a confirmation, so its words were not sent to anybody. Answer the notification to write to the customer, or write “#note” above them.",
    "Ceci répond à une confirmation : ses mots n’ont été envoyés à personne. Répondez à la notification pour écrire au client, ou écrivez « #note » au-dessus.",
)
LEFT_OUT = Said("“{name}” did not go with it: it holds a piece of what was told to you.", "« {name} » n’est pas joint : il contient une partie de ce qui vous a été dit.")
RELEASED = Said("The answer that was held is let go.", "La réponse retenue est libérée.")
NOW = Said("{ref} is “{place}” now.", "{ref} est maintenant « {place} ».")
DISCARDED = Said("Your held answer was cancelled and never leaves.", "Votre réponse retenue est annulée et ne partira pas.")
MORE_SAID = Said(
    "{who} wrote since you were asked, so your answer waits still. Read it first; then answer the newest notification.",
    "{who} a écrit depuis la question : votre réponse attend toujours. Lisez d’abord ; puis répondez à la dernière notification.",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings `[agent_mail]`, as far as carrying out asks for them."""

    mails_per_hour: int = 120
    refusals_per_hour: int = 10
    link_days: int = 7


class AgentMails:
    """Implements `ByAgent`. `public_url` '' = no links; `submitted` takes mail from the submission door."""

    def __init__(self, clock: Clock, keys: Keys, limits: Limits, *, public_url: str = "", submitted: ByAgent = nobody) -> None:
        self.clock = clock
        self.limits = limits
        self._keys = keys
        self._public_url = public_url
        self._submitted = submitted

    def __call__(self, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> Decision:
        """One mail. Mails that wait are locked before their item, as everywhere; the rest is asked after that, so that no two copies are both first."""
        if agent_mail.verdict.action is Action.SEND:
            return self._submitted(connection, agent_mail, setup, now)
        if agent_mail.verdict.action not in BY_AGENT:
            return self._overheard(connection, agent_mail, now)
        work = _Work(self, connection, agent_mail, setup, now)
        return work.filed() if agent_mail.verdict.action is Action.FILE else work.answered()

    def _overheard(self, connection: Connection, agent_mail: AgentMail, now: datetime) -> Decision:
        """Commands by somebody who may not command: the mail goes its way, and the audit list says so, once."""
        verdict, mail = agent_mail.verdict, agent_mail.mail
        if agent_mails.outcomes(connection, agent_mail.inbound_id):
            return Decision()
        said = parse(mail.subject, mail.new_text or mail.text, told_subject="").commands
        came = replace(_came(agent_mail, None, now), commands=tuple(one.written for one in said))
        return ignored(came, verdict.agent, verdict.item_id, verdict.refused, now, self.means(may_tell=False))

    def released(self, connection: Connection, link: MailLink, message: OutboxMessage, scene: Scene) -> Decision:
        """What else is done when a held answer is let go by its link; letting it go is the caller's. Raises Refused, IllegalTransition."""
        return self.let_go(connection, message, link.body, scene)

    def let_go(self, connection: Connection, message: OutboxMessage, body: Mapping[str, object], scene: Scene) -> Decision:
        """What a held answer does to its item when it leaves after all. Raises as `released`."""
        item = items.load(connection, (message.item_id,), lock=True).get(message.item_id) if message.item_id else None
        if item is None:
            return Decision()
        around = Around(conversations.conversation(connection, item.id), tuple(outboxes.unsent_of(connection, (item.id,)).get(item.id, ())))
        return let_go(item, message, outboxes.draft_of(message)[0], body, scene, around)

    def means(self, *, may_tell: bool) -> Means:
        """Fresh ids and what links need."""
        ids = Ids(*(self.clock.new_id() for _ in range(6)))
        life = timedelta(days=self.limits.link_days)
        return Means(ids, lambda link_id: url(self._public_url, self._keys.link_token(link_id)), life, may_tell=may_tell)


class _Work:
    """One mail while it is carried out."""

    def __init__(self, mails: AgentMails, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> None:
        verdict = agent_mail.verdict
        self._mails, self._connection, self._agent_mail = mails, connection, agent_mail
        self._mail, self._setup, self._now = agent_mail.mail, setup, now
        self._user_key, self._user = verdict.agent, setup.user_of.get(verdict.agent)
        self._item = _locked(connection, verdict.item_id)
        self._answered = answered(connection, verdict.answers)
        self._counted = agent_mails.counted(connection, verdict.agent, now - AN_HOUR)
        reached = self._user is not None and not brakes.suppressed(connection, (verdict.agent,), now)
        self._means = mails.means(may_tell=reached)
        self._came = _came(agent_mail, self._answered, now)

    # ------------------------------------------------------------ an answer to what we told them

    def answered(self) -> Decision:
        """Believed and carried out, or not: then nothing is changed, and the reason is told."""
        distrust = self._distrust()
        if distrust is not None or self._user is None:
            return self._distrusted(distrust or Distrust.LEFT)
        scene = Scene(self._user, self._setup, self._now)
        words = AgentText("")
        try:
            if self._item is None or not sees(visible_to(scene.user, scene.setup), self._item):
                raise Refused(_say(scene, NOT_SEEN))
            words = self._words(scene)
            return self._obeyed(self._item, words, scene)
        except (Refused, IllegalTransition) as no:
            return self._refused(no.said(_language(scene)) if isinstance(no, Impossible) else str(no), words.text)

    def _words(self, scene: Scene) -> AgentText:
        found = self._answered
        told, theirs = (found.draft.text, found.theirs) if found is not None else ("", "")
        return words_of(self._mail, told, theirs=theirs, language=scene.user.language or scene.setup.language)

    def _obeyed(self, item: WorkItem, words: AgentText, scene: Scene) -> Decision:
        found = self._answered
        parsed = parse(self._mail.subject, words.text, told_subject=found.message.subject if found is not None else None)
        self._came = replace(self._came, commands=tuple(one.written for one in parsed.commands))
        if found is not None and found.asks and _is_word_on_held(parsed):
            return self._decided_on_held(item, parsed, found, scene)
        plan = planned(parsed, item, scene.user, scene.setup, scene.now, internal=found is not None and found.internal)
        if plan.help:
            text = help_text(scene.user.language or scene.setup.language)
            return asked_for_help(self._came, item, scene.user, scene.setup, scene.now, self._means, text)
        return self._carried_out(item, plan, words, scene) if plan.letter is None else self._replied(item, plan, words, scene)

    def _carried_out(self, item: WorkItem, plan: Plan, words: AgentText, scene: Scene) -> Decision:
        """Commands and notes alone."""
        steps, around = steps_of(plan), self._around(item)
        made = carried_out(item, steps, scene, around, self._means.ids.draft)
        return done(self._came, item, steps, made, scene, self._means, notes=_warnings(steps, scene))

    def _replied(self, item: WorkItem, plan: Plan, words: AgentText, scene: Scene) -> Decision:
        """An answer to the customer, and what else was asked for; held where something of ours is left in it, or more was said meanwhile."""
        found = self._answered
        if found is not None and found.purpose is Purpose.CONFIRMATION:
            raise Refused(_say(scene, NOT_TO_CUSTOMERS))
        assert plan.letter is not None, "the caller looked"
        around = self._around(item)
        reply = prepared(self._connection, self._agent_mail, plan.letter, words, found, item, around.talk, scene)
        steps = replace(steps_of(plan), letter=reply.letter)
        made = carried_out(item, steps, scene, replace(around, original=reply.original), self._means.ids.draft)
        made = with_files(self._connection, self._mails.clock, made, self._means.ids.draft, item, reply, scene)
        since = said_meanwhile(self._connection, found, item, around.talk, scene)
        if words.survived or since:
            return held(self._came, item, steps, made, scene, self._means, why=words.survived, since=since)
        notes = (*_warnings(steps, scene), *(_say(scene, LEFT_OUT.filled(name=name)) for name in reply.left_out[:5]))
        return done(self._came, item, steps, self._instead_of_held(made, item, scene), scene, self._means, notes=notes)

    def _around(self, item: WorkItem) -> Around:
        talk = conversations.conversation(self._connection, item.id)
        return Around(talk, tuple(outboxes.unsent_of(self._connection, (item.id,)).get(item.id, ())) if talk.unsent_mail() else ())

    # ------------------------------------------------------------ an answer to whether a held one shall leave

    def _decided_on_held(self, item: WorkItem, parsed: Parsed, found: Answered, scene: Scene) -> Decision:
        """`#send` lets it leave, unless still more was said meanwhile; `#discard` ends it."""
        message = require_held(outboxes.get(self._connection, str(found.held.get("outbox_id", "")), lock=True), scene.by)
        discards = parsed.has(Name.DISCARD)
        if discards:
            return done(self._came, item, Steps(said=(_say(scene, DISCARDED),)), discarded(item, message, scene), scene, self._means)
        since = said_meanwhile(self._connection, found, item, conversations.conversation(self._connection, item.id), scene)
        if since:
            raise Refused(_say(scene, MORE_SAID.filled(who=", ".join(dict.fromkeys(one.who for one in since[:3])))))
        more = self._mails.let_go(self._connection, message, found.held, scene)
        made = released(item, message, more, scene)
        left, leaves = as_left(made, item), replace(outboxes.draft_of(message)[0], due_at=made.outbox[0].due_at or scene.now)
        said = (RELEASED, *((NOW.filled(ref=left.ref, place=place_words(left, _language(scene))),) if left.status is not item.status else ()))
        return done(self._came, item, Steps(said=tuple(_say(scene, one) for one in said)), made, scene, self._means, leaves=leaves)

    def _instead_of_held(self, made: Decision, item: WorkItem, scene: Scene) -> Decision:
        """New words in answer to a mail that asks go instead of what was held, if that waits still."""
        if self._answered is None or not self._answered.asks:
            return made
        waits = outboxes.get(self._connection, str(self._answered.held.get("outbox_id", "")), lock=True)
        try:
            message = require_held(waits, scene.by)
        except Refused:
            return made
        left = next((one for one in made.items if one.id == item.id), item)
        return made + discarded(left, message, scene)

    # ------------------------------------------------------------ not carried out

    def _distrust(self) -> Distrust | None:
        """Why the mail is not carried out: what routing found, else what only the rows tell, once the item is locked."""
        verdict, inbound_id = self._agent_mail.verdict, self._agent_mail.inbound_id
        if verdict.refused:
            return Distrust(verdict.refused)
        if self._mail.partial:
            return Distrust.UNREADABLE
        if agent_mails.is_replayed(self._connection, verdict.fingerprint, inbound_id):
            return Distrust.REPLAYED
        if agent_mails.outcomes(self._connection, inbound_id) & set(map(str, CARRIED_OUT)):
            return Distrust.COPY
        if sum(self._counted.get(str(one), 0) for one in CARRIED_OUT) >= self._mails.limits.mails_per_hour:
            return Distrust.TOO_MANY
        return None

    def _distrusted(self, distrust: Distrust) -> Decision:
        if distrust in SILENT or not self._agent_mail.classification.may_answer:
            item_id = self._item.id if self._item is not None else ""
            return ignored(self._came, self._user_key, item_id, str(distrust), self._now, self._means)
        return self._no(self._why(distrust))

    def _why(self, distrust: Distrust) -> No:
        """In their language; their words go back to them only where they are theirs beyond doubt. What answers no mail of ours has come in all the same."""
        language = (self._user.language if self._user is not None else "") or self._setup.language
        possible = self._agent_mail.verdict.possible
        theirs, partly = distrust in THEIRS, not self._agent_mail.verdict.answers
        own = self._mail.new_text if theirs and not partly else ""
        said, english = (why_distrusted(distrust, one, possible=possible) for one in (language, "en"))
        return No(str(distrust), said, english, trusted=theirs, own_words=own, partly=partly)

    def _refused(self, sentence: str, own_words: str) -> Decision:
        """What the page would have said."""
        log.info("agent_mail_refused", extra={"inbound_id": self._agent_mail.inbound_id, "user": self._user_key, "reason": sentence[:300]})
        internal = self._answered is not None and self._answered.internal
        return self._no(No(REFUSED, sentence, trusted=True, own_words=own_words, internal=internal))

    def _no(self, no: No) -> Decision:
        """Told so often an hour and no more, and shown on the item so often: whoever has an address for answers fills neither a mailbox nor a timeline."""
        theirs = agent_mails.refused(self._connection, self._user_key, self._now - AN_HOUR, (REFUSED, *THEIRS))
        before = theirs if no.trusted else self._counted.get(str(AgentOutcome.REFUSED), 0) - theirs  # what others forge does not use up their own answers
        means = replace(self._means, may_tell=self._means.may_tell and before < self._mails.limits.refusals_per_hour)
        shown = replace(no, line=no.line and before < self._mails.limits.mails_per_hour)
        return refused(self._came, shown, self._user, self._user_key, self._item, self._setup, self._now, means)

    # ------------------------------------------------------------ filed

    def filed(self) -> Decision:
        """On the item as ours. Commands in it are not carried out, and the agent is told how to do it (`refused` of the verdict)."""
        if self._item is None or self._user is None or agent_mails.outcomes(self._connection, self._agent_mail.inbound_id):
            return Decision()
        scene = Scene(self._user, self._setup, self._now)
        made = filed(self._came, self._mail, self._item, scene, self._means, self._around(self._item).unsent)
        if not self._agent_mail.verdict.refused:
            return made
        no = replace(self._why(Distrust(self._agent_mail.verdict.refused)), line=False)
        self._means = self._mails.means(may_tell=self._means.may_tell)
        return made + self._no(no)


def _came(agent_mail: AgentMail, found: Answered | None, now: datetime) -> Came:
    mail, verdict = agent_mail.mail, agent_mail.verdict
    return Came(
        inbound_id=agent_mail.inbound_id,
        at=agent_mail.envelope.received_at or now,
        from_key=mail.author.key if mail.author is not None else "",
        message_id=mail.message_id,
        references=mail.references,
        answers=verdict.answers,
        told=found.told if found is not None else "",
        fingerprint=verdict.fingerprint,
    )


def _locked(connection: Connection, item_id: str) -> WorkItem | None:
    """The item, after the mails that wait on it: in the order in which everybody locks them."""
    if not item_id:
        return None
    outboxes.lock_unsent(connection, (item_id,))
    return items.load(connection, (item_id,), lock=True).get(item_id)


def _warnings(steps: Steps, scene: Scene) -> tuple[str, ...]:
    """What there is to know of whom the item was given to, as on the page."""
    language = scene.user.language or scene.setup.language
    given = (warning(scene.setup, address_key(ask.to), scene.now, language) for verb, ask in steps.deeds if verb == "assign" and ask.to)
    return tuple(filter(None, given))


def _say(scene: Scene, said: Said) -> str:
    return said.in_language(_language(scene))


def _language(scene: Scene) -> str:
    return scene.user.language or scene.setup.language


def _is_word_on_held(parsed: Parsed) -> bool:
    """`#send` without a time, or `#discard`, and nothing besides."""
    if parsed.rest or parsed.faults or len(parsed.commands) != 1:
        return False
    (only,) = parsed.commands
    return only.name in (Name.SEND, Name.DISCARD) and not only.argument
