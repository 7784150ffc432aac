"""Servers that let strangers wait: greylisting by a policy service, postscreen; with a real Postfix before us.

Other rules are `test_real_refusals.py`.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from core.outbox import Outcome
from tests.conftest import missing
from tests.outbound.test_real_refusals import outcomes, sent, transport
from tests.postfix import Postfix, missing_reason, wait_for

A, T = Outcome.ACCEPTED, Outcome.TEMPORARY


class _Greylist(socketserver.ThreadingTCPServer):
    """A policy service for Postfix (SMTPD_POLICY_README): each client, sender and recipient must come twice."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.seen: set[tuple[str, ...]] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Asked(socketserver.StreamRequestHandler):
    server: _Greylist

    def handle(self) -> None:
        attributes: dict[str, str] = {}
        for line in self.rfile:
            name, _, value = line.decode().strip().partition("=")
            if name:
                attributes[name] = value
                continue
            triplet = tuple(attributes[one] for one in ("client_address", "sender", "recipient"))
            known = triplet in self.server.seen
            self.server.seen.add(triplet)
            self.wfile.write(f"action={'DUNNO' if known else 'DEFER_IF_PERMIT Greylisted, see https://example.net/'}\n\n".encode())


@pytest.fixture
def greylist() -> Iterator[_Greylist]:
    if missing_reason():
        missing(missing_reason())
    server = _Greylist()
    yield server
    server.shutdown()
    server.server_close()


def test_greylisting(greylist: _Greylist) -> None:
    """E-26: put off for now and taken at the second try, each recipient by itself; with the words of the service."""
    door = {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{greylist.server_address[1]}, permit_mynetworks, reject"}
    with Postfix(doors={"greylist": door}) as server:
        way = transport(server, "greylist")
        first = sent(way, "a@mailbox.example")
        assert outcomes(first) == [T] and "Greylisted" in first.words
        both = sent(way, "a@mailbox.example", "b@mailbox.example")
        assert outcomes(both) == [A, T]
        assert outcomes(sent(way, "b@mailbox.example")) == [A]
        way.close()
        kept = wait_for(lambda: len(server.mails()) == 2 and server.mails(), what="two mails")
        assert sorted(mail["X-Original-To"] for mail in kept) == ["a@mailbox.example", "b@mailbox.example"]


def test_postscreen() -> None:
    """We do not talk before the greeting is through (its first line is bait), and say nothing it calls no SMTP; the stranger passes
    at the second call, which is made on a new session: postscreen refuses for now whatever comes on the first."""
    if missing_reason():
        missing(missing_reason())
    strict = {
        "": "postscreen",
        "postscreen_access_list": "",
        "postscreen_greet_wait": "2s",
        "postscreen_greet_action": "enforce",
        "postscreen_bare_newline_enable": "yes",
        "postscreen_bare_newline_action": "enforce",
        "postscreen_non_smtp_command_enable": "yes",
        "postscreen_pipelining_enable": "yes",
        "postscreen_pipelining_action": "enforce",
        "postscreen_cache_map": "btree:$data_directory/postscreen_cache",
    }
    with Postfix(doors={"screen": strict}) as server:
        way = transport(server, "screen")
        first = sent(way)
        assert outcomes(first) == [T] and "450 4.3.2" in first.words
        assert outcomes(sent(way)) == [A], server.log()
        way.close()
        said = server.log()
        assert "PASS NEW" in said and not any(word in said for word in ("PREGREET", "COMMAND PIPELINING", "BARE NEWLINE", "NON-SMTP COMMAND", "HANGUP"))
