"""Plays one story against a child that dies once: restarts it, delivers again what was not acknowledged, asks again what was not answered."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from tests.crash.child import Stage, play
from tests.crash.effects import KillAt
from tests.crash.forked import context
from tests.sink import Sink

PATIENCE_SECONDS = 60


class Died(Exception):
    """The child is gone."""


class Played:
    """One run. `power_cut` is called between the death and the restart; `deaths` counts them."""

    def __init__(self, stage: Stage, sink: Sink, power_cut: Callable[[Stage], None] = lambda stage: None) -> None:
        self.stage = stage
        self.sink = sink
        self.deaths = 0
        self._power_cut = power_cut
        self._start()

    @property
    def now(self) -> datetime:
        return self.stage.now

    def _start(self) -> None:
        while True:
            ours, theirs = context().Pipe()
            self._process = context().Process(target=play, args=(self.stage, theirs), daemon=True)
            self._process.start()
            theirs.close()
            self._pipe: Connection = ours
            try:
                _, self.port = self._receive()
                return
            except Died:
                self._bury()

    def _receive(self) -> Any:
        if not self._pipe.poll(PATIENCE_SECONDS):
            raise AssertionError(f"The child said nothing for {PATIENCE_SECONDS} s; its effects are in {self.stage.journal}.")
        try:
            return self._pipe.recv()
        except (EOFError, ConnectionResetError):
            raise Died from None

    def _bury(self) -> None:
        self.deaths += 1
        assert self.deaths == 1, f"The child died {self.deaths} times; once was asked for. See {self.stage.journal}."
        self._process.join(PATIENCE_SECONDS)
        self._pipe.close()
        self._power_cut(self.stage)
        self.stage = replace(self.stage, kill_at=KillAt())

    def _restart(self) -> None:
        """A new process on what is left; it first does what lies about, as a started service does."""
        self._bury()
        self._start()
        self._pipe.send(("pump", (self.now,)))
        self._receive()

    def ask(self, command: str, *arguments: Any) -> Any:
        """Have the child do something; ask again if it died meanwhile."""
        while True:
            try:
                self._pipe.send((command, arguments))
                return self._receive()[1]
            except (Died, BrokenPipeError, ConnectionResetError):
                self._restart()

    def deliver(self, sender: str, recipient: str, raw: bytes) -> None:
        """A mail server that does not give up before it has heard 250."""
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", self.port, local_hostname="mta.example", timeout=PATIENCE_SECONDS) as client:
                    client.sendmail(sender, [recipient], raw)
                    client.close()
                return
            except (OSError, smtplib.SMTPException):
                if self._is_alive():
                    raise
                self._restart()

    def _is_alive(self) -> bool:
        self._process.join(0.5)
        return self._process.is_alive()

    def pump(self) -> None:
        """Let everything that is due happen."""
        self.ask("pump", self.now)

    def later(self, **delta: float) -> None:
        """Time passes, also for the child."""
        self.stage = replace(self.stage, now=self.now + timedelta(**delta))
        self.ask("move", self.now)

    def until(self, what: Callable[[], bool], **step: float) -> None:
        """Let time pass until something is true: leases end, retries come round."""
        for _ in range(60):
            if what():
                return
            self.later(**(step or {"minutes": 2}))
            self.pump()
        raise AssertionError(f"It never came to that. See {self.stage.journal}; outbox: {self.ask('outbox')}; inbound: {self.ask('inbound')}")

    def end(self) -> None:
        """Close the child."""
        self._pipe.close()
        self._process.join(PATIENCE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
