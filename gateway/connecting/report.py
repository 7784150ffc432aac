"""What a connection test tells: steps with a sentence each, and the conversation without its secrets; the steps themselves are taken in the modules beside this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.setup import Connector
from gateway.connecting.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. The sentence of one that failed says what to do."""

    name: str
    ok: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """One test of one connector. `way` is `incoming`, `outgoing` or `round trip`; `log` lines begin with `C:` (we) or `S:` (the server)."""

    connector: str
    way: str
    steps: tuple[Step, ...]
    log: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        return all(step.ok for step in self.steps)

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.ok)


class Failed(Exception):
    """A step did not succeed, and the next ones make no sense. `str()` is its sentence."""

    def __init__(self, step: str, sentence: str) -> None:
        super().__init__(sentence)
        self.step = step


@dataclass(slots=True)
class Trial:
    """A test on its way."""

    protocol: Protocol = field(default_factory=Protocol)
    steps: list[Step] = field(default_factory=list)

    def done(self, step: str, sentence: str) -> None:
        self.steps.append(Step(step, True, sentence))

    def missed(self, step: str, sentence: str) -> None:
        """It failed, and the next ones can be tried all the same."""
        self.steps.append(Step(step, False, self.protocol.hidden(sentence)))


def report_of(connector: Connector, way: str, walk: Callable[[Trial], None]) -> Report:
    """Walk through the steps until one fails. What `walk` raises besides Failed goes on to the caller."""
    trial = Trial()
    try:
        walk(trial)
    except Failed as failed:
        trial.missed(failed.step, str(failed))
    return Report(connector.name, way, tuple(trial.steps), tuple(trial.protocol.lines))
