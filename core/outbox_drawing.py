"""The Outbox's tables drawn for readers: the statuses shown, the views, the columns; the tables themselves are `core/outbox_view.py`."""

from __future__ import annotations

from core.outbox_view import COLUMNS, STATUS, WORDS, Way

VIEWS = {
    "mine": "mails that the person wrote",
    "team": "mails by the people of one's teams (led or own), and those about items that somebody there has now",
    "system": "automatic mails",
    "all": "everything within sight",
}


def draw() -> str:
    """docs/outbox.md."""
    lines = ["# The Outbox", "", "Drawn from the code by `guichet docs`; do not edit by hand.", ""]
    lines += ["A mail is in the Outbox as long as it is to be sent later, or when its sending failed. What is outside a person's sight is neither shown nor counted."]
    lines += ["", "## Views", "", "| view | shows |", "|---|---|", *(f"| `{name}` | {words} |" for name, words in VIEWS.items())]
    lines += ["", "## The status shown, by the state of the mail and its connector", "", f"| state | {' | '.join(f'connector {way}' for way in Way)} | own words |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| `{state}` | {' | '.join(WORDS[row[way]]['en'] for way in Way)} | {WORDS[state.value]['en']} |" for state, row in STATUS.items()]
    lines += ["", "## Columns", "", "| column | English | French | sorted by | |", "|---|---|---|---|---|"]
    for one in COLUMNS:
        kind = "always there" if one.compulsory else "at first" if one.at_first else ""
        lines.append(f"| `{one.id}` | {one.en} | {one.fr} | {'yes' if one.sort else ''} | {kind} |")
    return "\n".join(lines)
