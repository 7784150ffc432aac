"""What ends a wait, a no-answer limit or a feedback window, and the one next alarm of an item; who acts on it is `core/on_time.py`.

decisions.md 1: no timer closes over a mail that nobody has seen, and none starts before our mail has left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

UNSEEN = "unseen:"
"""Before the inbound id in `Clocks.stopped_by`: a mail of doubtful nature stops the countdowns until somebody has seen it."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Every clock of one item. Durations are 24-hour days and parts of them; moments are aware UTC.

    `after_mail` is the outbox message that must be sent before the no-answer limit or the feedback window begins to run ('' = none).
    `not_before` puts off what would close the item: a mail received in time may still be unread (decisions.md 1).
    `stopped_by` names what nobody has seen yet (held, quarantined, bounced, doubtful mail); while it is not empty the
    no-answer limit and the feedback window stand still since `stopped_at`.
    """

    wait_until: datetime | None = None
    answer_within: timedelta | None = None
    answer_due: datetime | None = None
    close_if_no_answer: bool = False
    feedback_window: timedelta | None = None
    feedback_until: datetime | None = None
    not_before: datetime | None = None
    after_mail: str = ""
    stopped_by: tuple[str, ...] = ()
    stopped_at: datetime | None = None

    @property
    def alarm_at(self) -> datetime | None:
        """The earliest moment at which time has something to say, or None."""
        running = () if self.stopped_by else (self._put_off(self.answer_due), self._put_off(self.feedback_until))
        return min((moment for moment in (self.wait_until, *running) if moment is not None), default=None)

    def _put_off(self, moment: datetime | None) -> datetime | None:
        return moment if moment is None or self.not_before is None else max(moment, self.not_before)

    def stop(self, cause: str, now: datetime) -> Clocks:
        """The countdowns stand still because of `cause` (an inbound message id)."""
        if cause in self.stopped_by:
            return self
        return replace(self, stopped_by=(*self.stopped_by, cause), stopped_at=self.stopped_at or now)

    def go(self, cause: str, now: datetime) -> Clocks:
        """`cause` has been dealt with; when it was the last one, what stood still goes on with the time that was left."""
        if cause not in self.stopped_by:
            return self
        left = tuple(other for other in self.stopped_by if other != cause)
        if left or self.stopped_at is None:
            return replace(self, stopped_by=left)
        lost = now - self.stopped_at
        return replace(
            self,
            stopped_by=(),
            stopped_at=None,
            answer_due=self.answer_due + lost if self.answer_due else None,
            feedback_until=self.feedback_until + lost if self.feedback_until else None,
        )

    def seen(self, now: datetime) -> Clocks:
        """Somebody looked at the item: mail of doubtful nature holds nothing up any more; held and quarantined mail still does."""
        clocks = self
        for cause in self.stopped_by:
            clocks = clocks.go(cause, now) if cause.startswith(UNSEEN) else clocks
        return clocks

    def begin(self, now: datetime) -> Clocks:
        """The mail that the clocks waited for has left (or there was none): the limits run from `now`."""
        return replace(
            self,
            after_mail="",
            not_before=None,
            answer_due=now + self.answer_within if self.answer_within is not None else None,
            feedback_until=now + self.feedback_window if self.feedback_window is not None else None,
            stopped_at=now if self.stopped_by else None,
        )

    def cleared(self) -> Clocks:
        """No clock runs; what has not been seen stays noted."""
        return Clocks(stopped_by=self.stopped_by, stopped_at=self.stopped_at)
