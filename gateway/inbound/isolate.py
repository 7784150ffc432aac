"""Reading of large or deep mail in a child process with limits, so that nothing else waits or falls; ordinary mail is read in place.

The child is this module run as a program: it speaks length-prefixed messages on its standard streams and ends itself when idle.
"""

from __future__ import annotations

import io
import os
import pickle
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core import mail as values
from core.mail import Mail
from gateway.inbound.budget import DEFAULT, INLINE
from gateway.inbound.parse import assemble, header_only, lone_cr_mended, parse
from gateway.inbound.structure import scan

LARGE = 2_000_000
"""Bytes from which on a mail is read in the child process."""
_FAILED = "The content could not be read within the limits of time and memory; the raw mail is kept."
_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = 8
_CHUNK = 1 << 20
_LARGEST_ANSWER = 64 << 20
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may cost in the child: seconds of the clock and of the processor, bytes of address space; and its idle life in seconds."""

    wall: float = 30.0
    cpu: int = 20
    memory: int = 1_500_000_000
    idle: float = 30.0


class _Unusable(Exception):
    """The child died, hung or answered nonsense."""


class _Idle(Exception):
    """The child had ended itself before it saw the mail: another one will do it."""


def read_mail(raw: bytes) -> Mail:
    """The mail in `raw`, read here if it is ordinary and in the child process if it is over 2 MB, 1,000 parts or 20 levels.

    Never raises on content. May block for some seconds without holding the interpreter lock: call it outside any transaction.
    """
    if len(raw) <= LARGE:
        mended = lone_cr_mended(raw)
        tree = scan(mended, INLINE)
        if not tree.excess:
            return assemble(mended, tree, DEFAULT)
    return SHARED.read(raw)


@dataclass(slots=True)
class _Child:
    """One running child and its pipes, both set not to block."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, limits: Limits) -> _Child:
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.inbound.isolate", str(limits.cpu), str(limits.memory), str(limits.idle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env=environment,
            bufsize=0,
            start_new_session=True,  # a Ctrl-C at the terminal is for the parent, which ends the child by closing its input
        )
        assert process.stdin and process.stdout
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        return cls(process)

    def ask(self, raw: bytes, deadline: float) -> bytes:
        """Send the mail and wait for the answer. Raises `_Idle` if the child had gone already, `_Unusable` for every other failure."""
        try:
            self._send(len(raw).to_bytes(_LENGTH, "big"), deadline)
        except BrokenPipeError:
            raise _Idle from None
        try:
            self._send(raw, deadline)
            length = int.from_bytes(self._receive(_LENGTH, deadline), "big")
            if length > _LARGEST_ANSWER:
                raise _Unusable
            return self._receive(length, deadline)
        except BrokenPipeError:
            raise (_Idle if self._ended_by_itself() else _Unusable) from None

    def _ended_by_itself(self) -> bool:
        try:
            return self.process.wait(timeout=1.0) == 0
        except subprocess.TimeoutExpired:
            return False

    def _send(self, data: bytes, deadline: float) -> None:
        assert self.process.stdin
        descriptor = self.process.stdin.fileno()
        view = memoryview(data)
        sent = 0
        while sent < len(view):
            _wait(descriptor, selectors.EVENT_WRITE, deadline)
            try:
                sent += os.write(descriptor, view[sent : sent + _CHUNK])
            except BlockingIOError:
                continue

    def _receive(self, length: int, deadline: float) -> bytes:
        assert self.process.stdout
        descriptor = self.process.stdout.fileno()
        received = bytearray()
        while len(received) < length:
            _wait(descriptor, selectors.EVENT_READ, deadline)
            try:
                piece = os.read(descriptor, min(_CHUNK, length - len(received)))
            except BlockingIOError:
                continue
            if not piece:
                raise BrokenPipeError
            received += piece
        return bytes(received)

    def end(self) -> None:
        """Kill and reap it; harmless if it has gone."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.process.wait()


def _wait(descriptor: int, event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        if left <= 0 or not selector.select(left):
            raise _Unusable


@dataclass(slots=True)
class Isolation:
    """A few children, started when first needed; a thread that finds none free waits its turn."""

    limits: Limits = field(default_factory=Limits)
    most: int = 2
    _idle: list[_Child] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._turn = threading.Semaphore(self.most)

    def read(self, raw: bytes) -> Mail:
        """The mail as the child reads it; if the child dies or takes too long, what the header says."""
        with self._turn:
            try:
                return self._answer(raw)
            except (_Unusable, _Idle, OSError):
                return header_only(raw, _FAILED)

    def _answer(self, raw: bytes) -> Mail:
        """Ask a waiting child, or a new one where the waiting one has ended itself meanwhile."""
        waiting = self._take()
        if waiting is not None:
            try:
                return self._ask(waiting, raw)
            except _Idle:
                pass
        return self._ask(_Child.start(self.limits), raw)

    def _take(self) -> _Child | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _ask(self, child: _Child, raw: bytes) -> Mail:
        kept = False
        try:
            answer = _loaded(child.ask(raw, time.monotonic() + self.limits.wall))
            with self._lock:
                self._idle.append(child)
            kept = True
            return answer
        finally:
            if not kept:
                child.end()

    def close(self) -> None:
        """End the waiting children; the next mail starts a new one."""
        with self._lock:
            waiting, self._idle[:] = list(self._idle), []
        for child in waiting:
            child.end()


class _OnlyMail(pickle.Unpickler):
    """Loads nothing but the values of `core/mail.py` and moments: the child has read hostile bytes and is not trusted."""

    def find_class(self, module: str, name: str) -> object:
        if module == values.__name__ and name in _VALUES:
            return getattr(values, name)
        if module == "datetime" and name in ("datetime", "timezone", "timedelta"):
            return super().find_class(module, name)
        if (module, name) == ("copyreg", "__reduce_ex"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a mail")


_VALUES = frozenset({"Address", "Attachment", "FailedRecipient", "Feedback", "Forwarded", "Importance", "Invitation", "Mail", "Report"})


def _loaded(answer: bytes) -> Mail:
    try:
        found = _OnlyMail(io.BytesIO(answer)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, ValueError, KeyError) as error:
        raise _Unusable from error
    if not isinstance(found, Mail):
        raise _Unusable
    return found


SHARED = Isolation()
"""The one this process reads its large mail with."""


def _forget_children() -> None:
    """In a forked process: the children and the locks belong to the process it was forked from."""
    SHARED.__init__(SHARED.limits, SHARED.most)  # type: ignore[misc]


os.register_at_fork(after_in_child=_forget_children)


def _serve(cpu: int, memory: int, idle: float) -> None:
    """The child: read a length and a mail, answer a length and a pickled `Mail`, until the input closes or nothing comes for `idle` seconds."""
    import resource
    import select

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while select.select([source], [], [], idle)[0]:
        head = source.read(_LENGTH)
        if len(head) < _LENGTH:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + cpu + 1, resource.RLIM_INFINITY))
        raw = source.read(int.from_bytes(head, "big"))
        answer = pickle.dumps(_within_limits(raw, parse), protocol=5)
        del raw
        sink.write(len(answer).to_bytes(_LENGTH, "big") + answer)
        sink.flush()


def _within_limits(raw: bytes, read: Callable[[bytes], Mail]) -> Mail:
    try:
        return read(raw)
    except MemoryError:
        return header_only(raw, _FAILED)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
