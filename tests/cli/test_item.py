"""`guichet item` and `guichet explain`: the main job by command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.shown import printable
from gateway.clock import SystemClock
from tests.cli.conftest import Guichet, mail

ITEM_KEYS = """ref kind title status wait_type resolution_method reason process category queue assignee owner due_at alarm_at new_information
created_at updated_at contacts""".split()
OUTBOX_KEYS = """id item subject from to cc state due_at attempts next_attempt_at last_attempt_at last_error connector importance system_generated
message_id recipients""".split()

ANN = ("--as", "ann@demo.example")


def test_a_mail_becomes_a_ticket_that_is_listed_and_shown(guichet: Guichet, ticket: str) -> None:
    """The JSON of the contract, the timeline newest first."""
    (item,) = guichet("item", "list", "--json").json
    assert set(ITEM_KEYS) <= set(item)
    assert (item["title"], item["status"], item["process"]) == ("Broken lamp", "to_do", "General support")
    shown = guichet("item", "show", ticket, "--json").json
    assert [entry["kind"] for entry in shown["timeline"] if entry["kind"].startswith("mail")] == ["mail_out", "mail_in"]
    moments = [entry["at"] for entry in shown["timeline"] if entry["kind"] in ("mail_in", "delivery")]
    assert moments == sorted(moments, reverse=True)


def test_people_read_tables(guichet: Guichet, ticket: str) -> None:
    """Without --json: a table, and a page for one item."""
    table = guichet("item", "list").out.splitlines()
    assert table[0].split()[:2] == ["ref", "status"]
    assert table[1].startswith(f"{ticket}  to_do")
    page = guichet("item", "show", ticket).out
    assert "Broken lamp" in page
    assert "    Is anybody there?" in page


def test_a_terminal_is_not_obeyed(guichet: Guichet, installation: Path, work: Callable[[], None]) -> None:
    """Escape sequences in a mail's subject and text are shown as text."""
    raw = mail("=?utf-8?q?a=1b=5D0=3Bb?=", text="x \x1b[31mred \u202e done")
    guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=raw)
    work()
    ref = guichet("item", "list", "--json").json[0]["ref"]
    for arguments in (("item", "list"), ("item", "show", ref), ("inbound", "list"), ("outbox", "list")):
        said = guichet(*arguments)
        assert not {"\x1b", "\u202e", "\x07"} & set(said.out)


def test_the_life_of_a_ticket(guichet: Guichet, ticket: str, work: Callable[[], None]) -> None:
    """Take, wait, resume, answer and resolve, reopen, resolve, by verbs."""
    assert guichet("item", "do", ticket, "take", *ANN, "--json").json["assignee"] == "ann@demo.example"
    waiting = guichet("item", "do", ticket, "wait", "--days", "0.5", "--close-if-no-answer", *ANN, "--json").json
    assert (waiting["status"], waiting["wait_type"]) == ("wait", "more_information")
    assert waiting["alarm_at"]
    until = guichet("item", "do", ticket, "wait", "--until", "PT2H", *ANN, "--json").json
    assert until["wait_type"] == "until"
    assert guichet("item", "do", ticket, "resume", *ANN, "--json").json["status"] == "to_do"
    message = guichet("item", "mail", ticket, "--text", "A new one is on its way.", "--undo", "PT0S", "--resolve", *ANN, "--json").json
    assert set(OUTBOX_KEYS) <= set(message)
    assert message["subject"] == f"Re: [{ticket}] Broken lamp"
    work()
    resolved = guichet("item", "show", ticket, "--json").json
    assert (resolved["status"], resolved["resolution_method"]) == ("resolved", "with_customer_response")
    assert guichet("outbox", "show", message["id"], "--json").json["state"] == "sent"
    assert guichet("item", "do", ticket, "reopen", *ANN, "--json").json["status"] == "to_do"
    done = guichet("item", "do", ticket, "resolve", "--method", "rejected", "--note", "Not ours.", *ANN, "--json").json
    assert (done["status"], done["resolution_method"]) == ("resolved", "rejected")


def test_times_are_read_in_the_zone_of_the_person(guichet: Guichet, ticket: str) -> None:
    """decisions.md 23: what is typed without a zone is read back as it was typed; JSON stays in UTC."""
    said = guichet("item", "mail", ticket, "--text", "Later.", "--at", "2099-07-01T09:30", *ANN)
    assert said.out.splitlines()[0].endswith("queued, to be sent 2099-07-01 09:30:00 CEST")
    (mail,) = guichet("outbox", "list", "--state", "queued", "--json").json
    assert mail["due_at"] == "2099-07-01T07:30:00Z"
    assert "2099-07-01 09:30:00 CEST" in guichet("outbox", "list", *ANN).out
    winter = f"{SystemClock().now().year + 1}-01-15"
    assert guichet("item", "do", ticket, "wait", "--until", f"{winter}T09:30", *ANN).code == 0
    assert f"until {winter} 09:30:00 CET" in guichet("item", "show", ticket, *ANN).out
    shown = guichet("item", "show", ticket, "--json", *ANN).json
    assert next(entry["until"] for entry in shown["timeline"] if entry["kind"] == "status" and entry["to"] == "wait") == f"{winter}T08:30:00Z"


def test_a_refusal_names_what_was_asked_for(guichet: Guichet, ticket: str) -> None:
    """Only cases are paused, and the sentence does not offer what it has just refused."""
    said = guichet("item", "do", ticket, "pause", *ANN)
    assert said.code == 2
    assert "“pause” is not possible" in said.err


@pytest.mark.parametrize(
    "arguments", [("item", "list", "--status"), ("outbox", "list", "--state"), ("outbox", "retry", "--all", "--state"), ("inbound", "list", "--state")]
)
def test_a_filter_that_does_not_exist_is_wrong_usage(guichet: Guichet, installation: Path, arguments: tuple[str, ...]) -> None:
    """A typing error is not taken for an empty list; the possible values are named."""
    said = guichet(*arguments, "nonsense")
    assert said.code == 64
    assert "'nonsense' is not one of" in said.err and ("'wait'" in said.err or "'held'" in said.err)


def test_a_text_from_standard_input(guichet: Guichet, ticket: str) -> None:
    """`--text -` reads it."""
    message = guichet("item", "mail", ticket, "--text", "-", "--json", *ANN, stdin="Voilà.".encode()).json
    shown = guichet("item", "show", ticket, "--json").json["timeline"]
    assert "Voilà." in next(entry["text"] for entry in shown if entry.get("outbox_id") == message["id"])


def _answered_by_bob(guichet: Guichet, ticket: str) -> None:
    guichet("item", "mail", ticket, "--text", "On it.", "--as", "bob@demo.example")


WARNING = "Warning: An answer by bob@demo.example waits to be sent.\n"


def test_without_a_terminal_the_author_is_told_and_the_mail_is_sent(guichet: Guichet, ticket: str) -> None:
    """decisions.md 16: the warnings stand on stderr and in the JSON; without any there are none."""
    _answered_by_bob(guichet, ticket)
    said = guichet("item", "mail", ticket, "--text", "Me too.", "--json", *ANN)
    assert (said.code, said.err, said.json["warnings"]) == (0, WARNING, ["An answer by bob@demo.example waits to be sent."])
    assert guichet("outbox", "list", "--json").json[0]["warnings"] == []


@pytest.mark.parametrize(("typed", "more", "code", "sent"), [("n\n", (), 2, 1), ("y\n", (), 0, 2), ("", ("--yes",), 0, 2), ("", (), 130, 1)])
def test_on_a_terminal_the_author_is_asked(
    guichet: Guichet, ticket: str, monkeypatch: pytest.MonkeyPatch, typed: str, more: tuple[str, ...], code: int, sent: int
) -> None:
    """decisions.md 16: no and the end of input send nothing, yes and --yes send."""
    _answered_by_bob(guichet, ticket)
    monkeypatch.setattr("gateway.cli.item_mail.on_a_terminal", lambda: True)
    said = guichet("item", "mail", ticket, "--text", "Me too.", *more, *ANN, stdin=typed.encode())
    assert said.code == code
    assert said.err.startswith(WARNING) and ("Send it all the same?" in said.err) == (not more)
    assert len(guichet("outbox", "list", "--state", "queued", "--json").json) == sent


def test_nobody_is_asked_when_all_is_quiet(guichet: Guichet, ticket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to be warned of, nothing to confirm."""
    monkeypatch.setattr("gateway.cli.item_mail.on_a_terminal", lambda: True)
    said = guichet("item", "mail", ticket, "--text", "Hello.", *ANN)
    assert (said.code, said.err) == (0, "")


def test_a_scheduled_mail_cancels_itself(guichet: Guichet, ticket: str, work: Callable[[], None]) -> None:
    """decisions.md 16: `--cancel-if-answered` with `--at`; the customer's next mail cancels it. Without a time it is refused."""
    assert "scheduled" in guichet("item", "mail", ticket, "--text", "x", "--cancel-if-answered", *ANN).err
    message = guichet("item", "mail", ticket, "--text", "Any news?", "--at", "PT2H", "--cancel-if-answered", "--json", *ANN).json
    assert message["cancel_if_answered"] is True
    reply = mail("Re: Broken lamp", text="It works.", more=f"In-Reply-To: <{message['message_id']}>\r\n")
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=reply).code == 0
    work()
    shown = guichet("outbox", "show", message["id"], "--json").json
    assert (shown["state"], "it was set to cancel itself" in shown["history"][-1]["reason"]) == ("cancelled", True)


def test_undo(guichet: Guichet, ticket: str) -> None:
    """A mail within its delay is taken back by its id; twice is too late."""
    message = guichet("item", "mail", ticket, "--text", "Wait!", "--undo", "PT2M", "--json", *ANN).json
    assert message["state"] == "queued"
    said = guichet("outbox", "cancel", message["id"], *ANN)
    assert (said.code, said.out) == (0, f"{message['id']} cancelled\n")
    assert guichet("outbox", "cancel", message["id"], *ANN).code == 2


def test_a_time_is_in_the_zone_of_the_person(guichet: Guichet, ticket: str) -> None:
    """decisions.md 23: ann works in Paris."""
    message = guichet("item", "mail", ticket, "--text", "Later.", "--at", "2099-07-01T09:00", "--json", *ANN).json
    assert message["due_at"].startswith("2099-07-01T07:00:00")


def test_a_new_ticket_by_hand(guichet: Guichet, installation: Path) -> None:
    """A draft, or submitted at once."""
    draft = guichet("item", "new", "--process", "General support", "--title", "Call back", *ANN, "--json").json
    assert (draft["status"], draft["kind"]) == ("draft", "ticket")
    asked = ("item", "new", "--process", "General support", "--title", "Call", "--description", "Today.", "--category", "Question")
    said = guichet(*asked, "--contact", "alice@acme.example", "--submit", *ANN)
    assert said.code == 0, said.err
    assert said.out.split()[1] in ("to_do", "in_progress")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("item", "show", "999999-T"), "There is no item"),
        (("item", "do", "REF", "dance"), "is not a verb"),
        (("item", "do", "REF", "reopen"), "is not possible"),
        (("item", "do", "REF", "wait", "--until", "2001-01-01"), "in the past"),
        (("item", "do", "REF", "wait", "--until", "soon"), "is no time"),
        (("item", "do", "REF", "resolve", "--method", "magic"), "is not a resolution method"),
        (("item", "mail", "REF", "--text", " "), ""),
        (("item", "mail", "REF", "--text", "x", "--undo", "10s"), "not a duration"),
        (("item", "mail", "REF", "--text", "x", "--to", "nobody"), ""),
        (("item", "list", "--as", "stranger@demo.example"), "no active user"),
        (("item", "new", "--process", "Nothing"), ""),
    ],
)
def test_what_is_refused_is_2_with_one_sentence(guichet: Guichet, ticket: str, arguments: tuple[str, ...], why: str) -> None:
    """The person is told what is wrong, and nothing is done."""
    said = guichet(*(ticket if argument == "REF" else argument for argument in arguments))
    assert said.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert why in said.err


def test_explain_writes_nothing(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """The decision and every check, from a file or standard input; the database is as before."""
    file = tmp_path / "mail.eml"
    file.write_bytes(mail("The vpn is down"))
    before = (installation / "guichet.db").read_bytes()
    explained = guichet("explain", file, "--to", "support@demo.example", "--json").json
    (verdict,) = explained["verdicts"]
    assert set(verdict) == {"recipient", "action", "item", "process", "because"}
    assert (verdict["recipient"], verdict["action"], verdict["process"]) == ("support@demo.example", "open", "General support")
    assert "network incidents" in verdict["because"]
    assert {"step", "check", "outcome", "because"} == set(explained["trace"][0])
    assert guichet("explain", "-", "--json", stdin=mail("The vpn is down")).json["verdicts"][0]["action"] == "open"
    assert "support@demo.example: open" in guichet("explain", file).out
    assert guichet("inbound", "list", "--json").json == []
    assert (installation / "guichet.db").read_bytes() == before


def test_explain_of_nothing_is_refused(guichet: Guichet, installation: Path) -> None:
    """A file that is not there."""
    said = guichet("explain", "nothing.eml")
    assert said.code == 2
    assert "nothing.eml" in said.err


def test_how_a_mail_is_taken_back_is_said_as_long_as_it_can_be(guichet: Guichet, ticket: str) -> None:
    """A-US-03: the command to copy acts for the same person; a mail without a delay leaves at once, and nothing is offered."""
    id, undo = guichet("item", "mail", ticket, "--text", "a", "--undo", "PT1M", *ANN).out.split(" ", 1)
    assert undo.splitlines()[1] == f"Undo: guichet outbox cancel {id} --as ann@demo.example"
    said = guichet("item", "mail", ticket, "--text", "b", "--undo", "PT0S", "--yes", *ANN)
    assert said.out.endswith(" queued, leaves at once\n") and len(said.out.splitlines()) == 1


def test_french_reads_as_french() -> None:
    """Spaces that do not break are spaces on a terminal; everything that it would obey is shown as an escape."""
    assert printable("Prix\u00a0: 1\u202f000\u00a0€ \x1b[31m\u202e") == "Prix\u00a0: 1\u202f000\u00a0€ \\x1b[31m\\x202e"


def test_moments_of_files_and_drafts_are_in_the_persons_zone(guichet: Guichet, ticket: str, tmp_path: Path) -> None:
    """Decision 23: when a file came and how long a draft is yours, as the person's clock says it; JSON stays in UTC."""
    (tmp_path / "a.txt").write_text("a", "utf-8")
    guichet("file", "add", ticket, tmp_path / "a.txt", *ANN)
    assert re.search(r" \d\d:\d\d:\d\d CES?T ", guichet("file", "list", ticket, *ANN).out)
    assert guichet("file", "list", ticket, "--json", *ANN).json[0]["created_at"].endswith("Z")
    assert re.search(r"yours until .* CES?T$", guichet("draft", "save", ticket, "--text", "x", *ANN).out.strip())
