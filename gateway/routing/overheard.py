"""Mail that goes its usual way, and in which somebody commands who may not: nothing follows from it, and the audit list says so.

Mail that answers what one of our people was told is `agent.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.agent_trust import Distrust
from core.commands import parse
from core.verdict import Action, Verdict
from gateway.routing.walk import Walk

SIGNS = "#＃﹟"
"""Without one of them nothing is a command, and nothing is read."""
ORDINARY = frozenset({Action.JOIN, Action.OPEN, Action.FOLLOW_UP, Action.APPEND, Action.HOLD, Action.UNHANDLED, Action.REJECT_AS_SPAM})


def overheard(walk: Walk, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, the first of them with the reason why what the mail wants is not done; as they are for mail that wants nothing."""
    at = next((number for number, one in enumerate(verdicts) if one.action in ORDINARY), None)
    if at is None or walk.facts.archive or any(one.refused for one in verdicts):
        return list(verdicts)
    reason = _in_their_name(walk, verdicts[at]) or _commanded(walk, verdicts[at])
    if not reason:
        return list(verdicts)
    walk.trace.miss("agent", walk.facts.user or walk.facts.sender.key or "(no sender)", f"{reason}: nothing is carried out")
    return [replace(one, agent=walk.facts.user, refused=reason) if number == at else one for number, one in enumerate(verdicts)]


def _in_their_name(walk: Walk, verdict: Verdict) -> str:
    """It bears the address of one of our people, nothing shows that it is theirs, and it is held or commands something."""
    if not walk.facts.user or walk.facts.proof:
        return ""
    return Distrust.NOT_PROVED if verdict.action is Action.HOLD or _commands(walk.mail.subject, walk.mail.new_text or walk.mail.text) else ""


def _commanded(walk: Walk, verdict: Verdict) -> str:
    """By a customer, or in the mail that is handed on; what one of our people began by their own command is their right."""
    mail = walk.mail
    handed_on = mail.forwarded is not None and _commands(mail.forwarded.subject, mail.forwarded.text)
    theirs = not verdict.created_by and _commands(mail.subject, mail.new_text or mail.text)
    return Distrust.NOT_OURS if handed_on or theirs else ""


def _commands(subject: str, text: str) -> bool:
    """Whether commands stand where those of our people stand, known or mistyped beside a known one."""
    return any(sign in part for part in (subject, text) for sign in SIGNS) and bool(parse(subject, text, told_subject="").commands)
