"""Large and deep mail is read in a child process; a child that dies, hangs or lies costs nothing but the content of that mail."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.mail import Mail
from gateway.inbound import isolate
from gateway.inbound.isolate import LARGE, Isolation, Limits, read_mail
from gateway.inbound.parse import parse
from tests.inbound.mails import HEAD, PNG, TEXT, multipart, part
from tests.inbound.test_limits import assert_whole, nested


@pytest.fixture
def isolation() -> Iterator[Isolation]:
    """Children of our own, ended at the end."""
    own = Isolation(Limits(wall=20.0))
    yield own
    own.close()


@pytest.fixture(autouse=True)
def no_shared_children() -> Iterator[None]:
    """The children of this process are ended after each test."""
    shared = isolate.SHARED
    yield
    shared.close()


class _Watched:
    """Stands for the children and writes down what they are asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read(self, raw: bytes) -> Mail:
        self.asked.append(len(raw))
        return Mail()


def large() -> bytes:
    """A mail above the size for reading in place."""
    return multipart(b"mixed", TEXT, part(b"image/png; name=a.png", (PNG + b"\r\n") * (LARGE // 20), b"Content-Transfer-Encoding: base64"))


def test_the_child_reads_what_we_would_read(isolation: Isolation) -> None:
    """The mail comes back from the child as it would have been read here."""
    raw = large()
    assert isolation.read(raw) == parse(raw)


def test_ordinary_mail_starts_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail of everyday size and depth is read in place."""
    watched = _Watched()
    monkeypatch.setattr(isolate, "SHARED", watched)
    assert read_mail(multipart(b"mixed", TEXT)).text == "hello"
    assert watched.asked == []


@pytest.mark.parametrize("raw", [large(), multipart(b"mixed", *[TEXT] * 1_200), nested(30)], ids=["large", "many parts", "deep"])
def test_what_goes_to_the_child(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 2 MB, over 1,000 parts or deep: the child reads it."""
    watched = _Watched()
    monkeypatch.setattr(isolate, "SHARED", watched)
    read_mail(raw)
    assert watched.asked == [len(raw)]


def test_many_parts_and_levels_come_back_partial() -> None:
    """10,000 parts and 5,000 levels give partial mails, by way of the child."""
    assert read_mail(multipart(b"mixed", *[TEXT] * 10_000)).partial
    assert read_mail(nested(5_000)).partial


def test_one_child_serves_many_mails(isolation: Isolation) -> None:
    """The child is kept and used again."""
    isolation.read(large())
    first = [child.process.pid for child in isolation._idle]
    isolation.read(large())
    assert [child.process.pid for child in isolation._idle] == first


def test_a_child_that_ended_itself_is_replaced() -> None:
    """A child that ended for idleness is noticed, and the mail is read by another one."""
    own = Isolation(Limits(idle=0.05))
    assert own.read(large()).text == "hello"
    own._idle[0].process.wait(timeout=20)
    assert own.read(large()).text == "hello"
    own.close()


def test_a_killed_child_leaves_the_header(isolation: Isolation) -> None:
    """If the child is killed while it reads, the header is read here, with a sentence; the next mail is read in full."""
    isolation.read(large())
    child = isolation._idle[0].process
    os.kill(child.pid, signal.SIGSTOP)
    threading.Timer(0.2, child.kill).start()
    found = isolation.read(large())
    assert (found.subject, found.text, found.partial) == ("s", "", True)
    assert "raw mail is kept" in found.defects[0]
    assert isolation.read(large()).text == "hello"


def test_a_child_that_hangs_is_given_up() -> None:
    """After the time-out the child is killed and the header is what remains."""
    own = Isolation(Limits(wall=0.0))
    began = time.monotonic()
    assert_whole(own.read(large()))
    assert time.monotonic() - began < 20
    assert own._idle == []


def test_a_child_that_computes_too_long_is_given_up() -> None:
    """The system ends a child after its seconds of processor time, whatever the clock says; the header is what remains, and the whole mail."""
    own = Isolation(Limits(cpu=-1))
    lists = b"".join(field + b": " + b'"N, =?utf-8?q?a?=" <a@b.c>,\r\n ' * 16_000 + b"x@y.z\r\n" for field in (b"To", b"Cc", b"Reply-To", b"From", b"Sender"))
    found = own.read(lists + b"Subject: s\r\n\r\n" + b"x" * LARGE)
    own.close()
    assert "raw mail is kept" in found.defects[0]
    assert_whole(found)


def test_a_child_without_memory_leaves_the_header() -> None:
    """A mail that would need more memory than allowed does not take this process with it."""
    own = Isolation(Limits(memory=150_000_000))
    found = own.read(HEAD + b"\r\n" + b"x" * 100_000_000)
    own.close()
    assert found.subject == "s"
    assert_whole(found)


class _Evil:
    """Pickles into a call."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.getenv, ("PATH",)


@pytest.mark.parametrize("answer", [pickle.dumps(_Evil()), pickle.dumps("no mail"), b"", b"\x80\x05garbage"], ids=["call", "string", "nothing", "garbage"])
def test_answers_that_are_no_mail_are_refused(answer: bytes) -> None:
    """Nothing but the values of a mail is loaded from a child's answer."""
    with pytest.raises(isolate._Unusable):
        isolate._loaded(answer)


def test_the_child_sees_no_secrets(isolation: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment the child gets the few names it needs."""
    monkeypatch.setenv("GUICHET_SECRET", "x")
    isolation.read(large())
    environment = Path(f"/proc/{isolation._idle[0].process.pid}/environ").read_bytes()
    assert b"GUICHET" not in environment


def test_threads_share_the_children(isolation: Isolation) -> None:
    """Four threads with large mails at once get their own mail each, with no more children than allowed."""
    raws = [large().replace(b"hello", b"hell%d" % number) for number in range(4)]
    texts: dict[int, str] = {}

    def read(number: int) -> None:
        texts[number] = isolation.read(raws[number]).text

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: f"hell{number}" for number in range(4)}
    assert len(isolation._idle) <= isolation.most


def test_a_forked_process_starts_children_of_its_own() -> None:
    """After a fork the children belong to the parent alone."""
    isolate.SHARED.read(large())
    pid = os.fork()
    if pid == 0:
        ok = isolate.SHARED._idle == [] and isolate.SHARED.read(large()).text == "hello"
        isolate.SHARED.close()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert isolate.SHARED.read(large()).text == "hello"
