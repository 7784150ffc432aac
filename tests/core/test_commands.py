"""Commands in mails by our own people: which lines are some, which are none, what is wrong with others (Agents by mail, 3)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from core.command_help import written
from core.command_words import WORDS, Name, wait_of
from core.commands import MOST, Parsed, help_text, parse, starts

UNDERSTOOD = [
    ("#resolve", ["resolve"], ""),
    ("#Resolve.", ["resolve"], ""),
    ("#RÉSOUDRE", ["resolve"], ""),
    ("#resoudre !", ["resolve"], ""),
    ("#re\u0301soudre", ["resolve"], ""),
    ("＃resolve", ["resolve"], ""),
    ("\u200b#\u200bresolve\ufeff", ["resolve"], ""),
    ("\u00a0 #take\u00a0\n\u00a0\nHello", ["take"], "Hello"),
    ("*#take*", ["take"], ""),
    ("**#take**\nx", ["take"], "x"),
    ("- #take\n• #wait 3d", ["take", "wait 3d"], ""),
    ("#take #wait 3d close\nx", ["take", "wait 3d close"], "x"),
    ("\n\n#take\n\n\n#wait 3d\n\nHello\n#x", ["take", "wait 3d"], "Hello\n#x"),
    ("#resolve no response", ["resolve no response"], ""),
    ("#résoudre sans réponse", ["resolve sans réponse"], ""),
    ("#resolve again", ["resolve again"], ""),
    ("#attendre\u00a02\u202fsemaines, puis fermer", ["wait 2 semaines, puis fermer"], ""),
    ("#wait", ["wait"], ""),
    ("#jusqu’au 01/12/2026 9h00", ["until 01/12/2026 9h00"], ""),
    ("#Jusqu'à demain 9h", ["until demain 9h"], ""),
    ("#assign “Ann Agent”", ["assign Ann Agent"], ""),
    ("#assign ann@demo.example <mailto:ann@demo.example>", ["assign ann@demo.example"], ""),
    ("#assign: ann", ["assign ann"], ""),
    ("#take <https://www.example.org/hashtag/take>", ["take"], ""),
    ("#take<https://www.example.org/hashtag/take>\nx", ["take"], "x"),
    ("#libérer", ["release"], ""),
    ("#rendre", ["release"], ""),
    ("#send 17:00\nx", ["send 17:00"], "x"),
    ("#envoyer demain 9h\nx", ["send demain 9h"], "x"),
    ("#note Called him #urgent\nmore", ["note Called him #urgent"], "more"),
    ("#take #note called", ["take", "note called"], ""),
    ("#aide", ["help"], ""),
    ("#dossier Sinistre\nx", ["case Sinistre"], "x"),
    ("#ticket", ["ticket"], ""),
]

NONE = [
    "Hello\nI saw #take on the wall",
    "#5 on your list is done.",
    "# A heading\n\nText",
    "# Note\nText",
    "## Help\nText",
    "#",
    "##",
    "# 5",
    "#-1",
    "The tag #resolve is in the middle",
    "> #resolve\nIs that what you meant?",
    "",
    "price: #take or leave",
]

FAULTY = [
    ("#foo\nx", "no command “#foo”"),
    ("#take\n#hashtag is great", "no command “#hashtag”"),
    ("#take #take", "twice"),
    ("#assign ann\n#assign bob", "twice"),
    ("#take\n#release", "contradict"),
    ("#resolve\n#wait 3d", "contradict"),
    ("#note x\n#send 17:00", "contradict"),
    ("#help\n#take", "alone"),
    ("#until", "needs to know more"),
    ("#assign", "needs to know more"),
    ("#take it please", "takes nothing"),
    ("#resolve Hello Carl, it is done", "not a way to resolve"),
    ("#wait a bit", "not how long"),
    ("#wait 3 moons", "not how long"),
    ("Hello Carl\n#resolve", "looks like a command"),
    ("Hello\n\n  #wait 3d", "looks like a command"),
    ("# resolve\nHello", "looks like a command"),
    ("Hello\n#jusqu’au 01/12/2026", "looks like a command"),
    ("#resolve " + "x" * 400, "longer than"),
]


def _as_written(parsed: Parsed) -> list[str]:
    return [f"{one.name} {one.argument}".strip() for one in parsed.commands]


@pytest.mark.parametrize(("text", "commands", "rest"), UNDERSTOOD)
def test_commands_are_understood(text: str, commands: list[str], rest: str) -> None:
    """However phones, clients and French keyboards write them; what follows is the text."""
    parsed = parse("", text)
    assert (_as_written(parsed), parsed.rest, parsed.faults) == (commands, rest, ())


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_command_stays_text(text: str) -> None:
    """A number, a heading, a tag in prose, a quoted line: nothing is done and nothing is asked."""
    parsed = parse("", text)
    assert (parsed.commands, parsed.faults, parsed.rest) == ((), (), text.strip())


@pytest.mark.parametrize(("text", "sentence"), FAULTY)
def test_faults_are_said_in_both_languages(text: str, sentence: str) -> None:
    """What is unknown, doubled, contradictory or in the wrong place makes all of it void, with a sentence."""
    parsed = parse("", text)
    assert any(sentence in fault.en for fault in parsed.faults), parsed.faults
    assert all(fault.fr and fault.fr != fault.en and "{" not in fault.en + fault.fr for fault in parsed.faults)


def test_a_long_list_is_bounded() -> None:
    """No mail makes more than ten commands; the eleventh makes it void."""
    parsed = parse("", "\n".join(f"#{word.en[0]}" for word in WORDS.values()))
    assert len(parsed.commands) <= MOST
    assert parsed.faults


@pytest.mark.parametrize(
    ("subject", "told", "commands"),
    [
        ("Re: [101203-T] #wait 3d", "[101203-T] Printer", ["wait 3d"]),
        ("#wait 3d", "[101203-T] Printer", ["wait 3d"]),
        ("RE: [101203-T] #take Printer", "[101203-T] Printer", ["take"]),
        ("#take Re: [101203-T] Printer", "[101203-T] Printer", ["take"]),
        ("Re: [101203-T] Printer #resolve", "[101203-T] Printer", ["resolve"]),
        ("TR : [101203-T] #résoudre", "[101203-T] Imprimante", ["resolve"]),
        ("Re: [101203-T] #resolve", "[101203-T] #resolve", []),
        ("RE: #resolve", "[101203-T] #resolve", []),
        ("Re: [101203-T] #resolve pri", "[101203-T] #resolve printer", []),
        ("Re: [101203-T] #resolve prin…", "[101203-T] #resolve printer", []),
        ("Aw: Re: [101203-T] Printer #help", "[101203-T] Printer #help", []),
        ("Re: [101203-T] Printer number 5", "[101203-T] Printer", []),
        ("Re: [101203-T] Printer", "[101203-T] Printer", []),
        ("Re: [101203-T] #re\u0301soudre", "[101203-T] #r\u00e9soudre", []),
    ],
)
def test_commands_in_the_subject_are_the_agents(subject: str, told: str, commands: list[str]) -> None:
    """What the customer's own subject says commands nothing, whole or cut short; without it the subject is not read."""
    parsed = parse(subject, "x", told_subject=told)
    assert (_as_written(parsed), parsed.rest) == (commands, "x")
    assert parse(subject, "x").commands == ()


def test_new_work_is_read_from_the_agents_own_lines() -> None:
    """`#case Claim` in the first lines or before the forward's prefix; behind it the customer speaks."""
    start = starts("Fwd: Broken", "#case Claim\n\nPlease look.\n\n---------- Forwarded message ---------")
    assert start is not None
    assert (start.kind, start.process, start.rest) == ("case", "Claim", "Please look.\n\n---------- Forwarded message ---------")
    assert starts("#ticket Fwd: Broken #case x", "x") is not None
    assert starts("Fwd: #case Claim", "---------- Forwarded message ---------\n#case Claim") is None
    assert starts("TR : #dossier x", "Bonjour") is None
    assert starts("Fwd: x", "#foo\nx") is None


@pytest.mark.parametrize(
    ("argument", "days", "close"),
    [
        ("3d", 3, False),
        ("3 j", 3, False),
        ("2 weeks close", 14, True),
        ("1,5 jours", 1.5, False),
        ("12h", 0.5, False),
        ("3 close", 3, True),
        ("5 j. et clore", 5, True),
    ],
)
def test_waits_are_read(argument: str, days: float, close: bool) -> None:
    """In days, weeks and hours of both languages, parts of them too."""
    wait = wait_of(argument)
    assert wait is not None
    assert wait.days == pytest.approx(days)
    assert wait.close is close


def test_the_help_lists_every_command_in_both_languages() -> None:
    """Each as it is taught, with what it means."""
    for name in Name:
        assert written(name).en in help_text("en")
        assert written(name).fr in help_text("fr-CA")


_PIECES = [
    "#",
    "＃",
    "#take",
    "#wait",
    " 3d",
    "#resolve",
    "\n",
    " ",
    "\u00a0",
    "\u200b",
    ">",
    "*",
    "- ",
    "Re: ",
    "[101203-T]",
    "é",
    "{word}",
    "%s",
    "#note",
    "<https://x/>",
    "…",
]


@given(some.lists(some.sampled_from(_PIECES) | some.text(max_size=5), max_size=30).map("".join), some.text(max_size=40))
@example("#{word}", "#{0}")
def test_any_text_is_read_without_a_fault_of_ours(text: str, subject: str) -> None:
    """Whatever is written, it parses; nothing that is left as text is a command in its first line."""
    parsed = parse(subject, text, told_subject="")
    assert len(parsed.commands) <= MOST
    again = parse("", parsed.rest)
    assert parsed.faults or not again.commands
    starts(subject, text)
