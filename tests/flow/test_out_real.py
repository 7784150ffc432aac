"""Outgoing mail through a real Postfix: taken and returned later, delayed, refused for some; the whole house with its doors, threads and a real clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.setup import Setup
from gateway.bootstrap import House
from tests.conftest import missing
from tests.flow.real import a_port, impatient, prove_plus_addresses, running, wait_until_quiet, with_plus_addresses
from tests.flow.told import ANN, ROOT
from tests.houses import wait_for
from tests.postfix import Postfix, missing_reason

GONE = "gone@acme.example"
SLOW = "slow@acme.example"
FINE = "fine@acme.example"


@pytest.fixture(scope="module")
def next_hop() -> Iterator[Postfix]:
    """The customer's server."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(mailboxes=["acme.example"], refuse={GONE: "550 5.1.1 no such user here", SLOW: "450 4.2.1 mailbox busy"}) as server:
        yield server


@pytest.fixture
def through(tmp_path: Path, example_setup: Setup, next_hop: Postfix) -> Iterator[tuple[House, Postfix]]:
    """A house that sends through a Postfix, which brings reports back to the door of the house."""
    door = a_port()
    soon = {"delay_warning_time": "1s", "smtpd_recipient_restrictions": "permit_mynetworks, reject"}
    relay = {"acme.example": next_hop.port, "demo.example": door}
    with (
        Postfix(relay=relay, mailboxes=["unused.example"], settings=soon) as server,
        running(tmp_path / "house", with_plus_addresses(impatient(example_setup)), door=door, out=server.port) as house,
    ):
        prove_plus_addresses(house)
        yield house, server


def an_item(house: House) -> str:
    return str(house.desk.new_item(ANN, process="General support", title="Printer", description="No ink.", category="Question", contacts=[FINE], submit=True)["ref"])


def write(house: House, ref: str, *to: str, **more: Any) -> str:
    return str(house.desk.mail(ref, ANN, text="Hello.", to=list(to), undo=timedelta(0), **more)["id"])


def outcomes(house: House, outbox_id: str) -> dict[str, tuple[str, str]]:
    return {one["address"]: (one["outcome"], one["words"]) for one in house.desk.show_outbox(outbox_id, ROOT)["recipients"]}


def state(house: House, outbox_id: str) -> str:
    return str(house.desk.show_outbox(outbox_id, ROOT)["state"])


def test_a_mail_that_comes_back(through: tuple[House, Postfix], next_hop: Postfix) -> None:
    """decisions.md 3, E-30: Postfix takes a Send & Resolve and returns it for one of two: the report comes by the mail's bounce address, that
    recipient is marked with the customer's server's words, the resolved item is in To Do as delivery failed, the author told, the address suppressed."""
    house, postfix = through
    ref = an_item(house)
    mail = write(house, ref, FINE, GONE, resolve=True)
    wait_for(lambda: state(house, mail) == "bounced", f"the report is tied to its mail\n{postfix.log()}")
    found = outcomes(house, mail)
    assert found[FINE][0] == "accepted" and found[GONE][0] == "bounced" and "no such user here" in found[GONE][1]
    item = house.desk.show(ref, ROOT)
    assert (item["status"], item["reason"], item["resolution_method"]) == ("to_do", "delivery_failed", None)
    assert "no such user here" in item["attention"] and GONE in item["attention"]

    def told() -> list[dict[str, Any]]:
        return [one for one in house.desk.list_outbox(ROOT) if [person["address"] for person in one["recipients"]] == [ANN]]

    wait_for(told, "its author is told")
    assert [one["system_generated"] for one in told()] == [True]
    assert GONE in [one["address"] for one in house.desk.list_suppressed(ROOT)]
    came = house.desk.list_inbound(ROOT)[-1]  # the first; Ann has no mailbox here, and what she is told may come back as well
    assert came["envelope_from"] in ("", None) and came["envelope_to"][0].startswith("support+b.")
    assert any(kept["Return-Path"].startswith("<support+b.") for kept in next_hop.mails() if kept["X-Original-To"] == FINE)


def test_a_delay_changes_nothing(through: tuple[House, Postfix], next_hop: Postfix) -> None:
    """decisions.md 3: the customer's server is slow, and Postfix says so: shown on the item, the mail stays sent, and it arrives in the end."""
    house, postfix = through
    ref = an_item(house)
    mail = write(house, ref, SLOW)
    before = house.desk.show(ref, ROOT)
    try:
        wait_for(lambda: house.desk.list_inbound(ROOT), f"the report of the delay comes in\n{postfix.log()}")
        wait_until_quiet(house)
        (came,) = house.desk.list_inbound(ROOT)
        assert (came["state"], came["items"], came["envelope_from"]) == ("done", [ref], "")
        (shown,) = [line for line in house.desk.show(ref, ROOT)["timeline"] if line["kind"] == "mail_in"]
        assert (shown["report"]["recipients"][0]["action"], shown["counts"]) == ("delayed", False) and "mailbox busy" in shown["text"]
        item = house.desk.show(ref, ROOT)
        assert (state(house, mail), item["status"], item["attention"]) == ("sent", before["status"], before["attention"])
        assert house.desk.list_suppressed(ROOT) == []
        next_hop.refuse({GONE: "550 5.1.1 no such user here"})
        wait_for(lambda: any(kept["X-Original-To"] == SLOW for kept in next_hop.mails()), "it arrives in the end")
        wait_until_quiet(house)
        assert state(house, mail) == "sent"
    finally:
        next_hop.refuse({GONE: "550 5.1.1 no such user here", SLOW: "450 4.2.1 mailbox busy"})


def test_each_recipient_by_itself(tmp_path: Path, example_setup: Setup) -> None:
    """E-26: of three recipients one is taken, one refused for good and one put off (as greylisting does): only that one is asked again, nobody gets
    it twice, and the item says who did not get it."""
    if missing_reason():
        missing(missing_reason())
    refusals = {GONE: "550 5.1.1 no such user here", SLOW: "451 4.7.1 greylisted, come again"}
    hangs_up = {"smtpd_timeout": "1s"}  # a session that stays open keeps the rules it began with
    with (
        Postfix(mailboxes=["acme.example"], refuse=refusals, settings=hangs_up) as server,
        running(tmp_path / "house", impatient(example_setup, 2), door=a_port(), out=server.port) as house,
    ):
        ref = an_item(house)
        mail = write(house, ref, FINE, GONE, SLOW)
        wait_for(lambda: state(house, mail) == "pending_retry", "one is put off")
        assert {one: found for one, (found, _) in outcomes(house, mail).items()} == {FINE: "accepted", GONE: "permanent", SLOW: "temporary"}
        server.refuse({GONE: "550 5.1.1 no such user here"})
        wait_for(lambda: state(house, mail) == "sent", f"the greylist lets it through\n{server.log()}")
        wait_for(lambda: len(server.mails()) > 1, "both lie in their mailboxes")
        assert sorted(kept["X-Original-To"] for kept in server.mails()) == sorted([FINE, SLOW])
        assert {kept["Message-ID"] for kept in server.mails()} == {f"<{house.desk.show_outbox(mail, ROOT)['message_id']}>"}
        item = house.desk.show(ref, ROOT)
        assert (item["status"], item["reason"]) == ("to_do", "delivery_failed") and GONE in item["attention"] and FINE not in item["attention"]
