"""How a dialogue ends before it is through: at which stage, by which answer, and what the tables make of it; who ends it is `session.py` and `dialogue.py`."""

from __future__ import annotations

from core.answers import judge
from core.delivery import MAX_WORDS, TROUBLES, Delivery, Meaning, Reply, Stage, clean_words
from gateway.outbound.wire import CLOSING, Answer


class Ended(Exception):
    """The dialogue ended at a stage; `meaning` and `because` by the tables of `core/answers.py`."""

    def __init__(self, stage: Stage, answer: Answer) -> None:
        super().__init__(answer.words)
        self.stage = stage
        self.answer = answer
        judged = judge(stage, answer.reply, answer.code, answer.words)
        self.meaning = judged.meaning
        self.because = judged.because

    @property
    def stale(self) -> bool:
        """On a session that was kept: it may simply have been closed meanwhile, or its token have run out, and a fresh one is worth a try."""
        closed = self.answer.reply in (Reply.GONE, Reply.SILENCE) or self.answer.code == CLOSING
        return (closed and self.stage in (Stage.EHLO, Stage.MAIL)) or (self.answer.code in LOGGED_OUT and self.stage is not Stage.AUTH)


class Stale(Ended):
    """A kept session did not answer as it should before anything of the mail was said."""

    stale = True


class TokenRefused(Ended):
    """The server did not take the access token."""

    def __init__(self, answer: Answer, token: str) -> None:
        super().__init__(Stage.AUTH, answer)
        self.token = token


LOGGED_OUT = frozenset({530, 535})
"""A session that was logged in hears these when its token has run out."""


def meaning_of(stage: Stage, answer: Answer) -> Meaning:
    """By the tables."""
    return judge(stage, answer.reply, answer.code, answer.words).meaning


def told(stage: Stage, answer: Answer) -> str:
    """The server's words for whoever wrote the mail; after a refusal for good with what they mean, where the tables know it."""
    judged = judge(stage, answer.reply, answer.code, answer.words)
    if judged.meaning is not Meaning.PERMANENT or not judged.because:
        return answer.words
    because = f" ({judged.because})"
    return answer.words[: MAX_WORDS - len(because)] + because


def trouble(ended: Ended) -> Delivery:
    """The answer for a dialogue that ended before a recipient took the mail."""
    assert ended.meaning in TROUBLES
    because = f" ({ended.because})" if ended.because else ""
    return Delivery(ended.stage, clean_words(f"{ended.stage}: {ended.answer.words}{because}"), trouble=ended.meaning)


def expect(stage: Stage, answer: Answer) -> None:
    """Raises Ended unless it goes on from here."""
    if meaning_of(stage, answer) is not Meaning.PROCEED:
        raise Ended(stage, answer)
