"""Work that one of our people starts by mail: a customer's mail handed on, a process chosen by `#case` or `#ticket`; opening the item is `opening.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from core.agent_trust import Belief, Situation, weighed
from core.command_words import Name
from core.commands import Start, starts
from core.mail import Mail
from core.setup import Process, Setup
from gateway.routing.agent import commanded, doubt
from gateway.routing.forward import is_forward
from gateway.routing.patterns import fold
from gateway.routing.walk import Walk

MOST_NAMES = 20
"""Processes that are named to whoever asked for one that there is not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The process of a new item, or the names that could have been written where there is no telling which was meant."""

    process: Process | None = None
    possible: tuple[str, ...] = ()


def asked(walk: Walk) -> Start | None:
    """What a mail by one of our people asks to be begun; None for any other mail, and for one that may not be theirs: there the words mean nothing."""
    if not is_started(walk):
        return None
    return starts(walk.mail.subject, walk.mail.new_text or walk.mail.text)


def left_undone(walk: Walk) -> bool:
    """Whether a mail that begins something commands other things besides: there is nothing yet that they could be about."""
    if asked(walk) is None:
        return False
    return any(one.name not in (Name.CASE, Name.TICKET) for one in commanded(walk.mail, "").commands)


def is_started(walk: Walk) -> bool:
    """Whether the mail is believed to be by one of our people, so that it may begin something in somebody's name."""
    facts = walk.facts
    return bool(facts.user) and not facts.archive and weighed(Situation.STARTS, facts.proof) is Belief.STARTED and not doubt(walk)


def chosen(start: Start, routed: Process | None, setup: Setup) -> Choice:
    """The process of that kind by its name or a beginning that only one has; without a name the route's own, or the only one."""
    there = [one for one in setup.processes if one.kind == start.kind]
    if not start.process:
        there_is = routed if routed is not None and routed.kind == start.kind else there[0] if len(there) == 1 else None
        return Choice(there_is) if there_is is not None else _none_of(there)
    wanted = fold(start.process).strip()
    exact = [one for one in there if fold(one.name).strip() == wanted]
    beginning = [one for one in there if fold(one.name).strip().startswith(wanted)]
    found = exact if len(exact) == 1 else beginning
    return Choice(found[0]) if wanted and len(found) == 1 else _none_of(there)


def without_command(mail: Mail) -> Mail:
    """The mail as customers may see it: the line that chose the process is in neither subject nor text."""
    return replace(mail, subject=_subject(mail), new_text=_rest(mail.new_text), text=_rest(mail.text), html=_html(mail))


def _none_of(there: list[Process]) -> Choice:
    return Choice(possible=tuple(one.name for one in there[:MOST_NAMES]) or ("–",))


def _rest(text: str) -> str:
    found = starts("", text)
    return text if found is None else found.rest


def _subject(mail: Mail) -> str:
    """What stands behind the command from the prefix of a forward on; else the subject of the mail that is handed on."""
    if starts(mail.subject, "") is None:
        return mail.subject
    words = mail.subject.split()
    rest = next((" ".join(words[n:]) for n in range(1, min(len(words), 60)) if is_forward(" ".join(words[n:]))), "")
    return rest or (mail.forwarded.subject if mail.forwarded is not None else "")


def _html(mail: Mail) -> str:
    """The HTML without the first line of the command; none at all where it does not stand there as it does in the text: the text is shown then."""
    text = mail.new_text or mail.text
    if not mail.html or starts("", text) is None:
        return mail.html
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    written = next((one for one in (escape(line, quote=False), escape(line), line) if one and mail.html.count(one) == 1), "")
    return mail.html.replace(written, "") if written else ""
