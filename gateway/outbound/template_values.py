"""What templates and canned texts may show: the purposes and THE table of values, drawn into docs/templates.md; filling them in is `template_language.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.alarms import AlarmKind
from core.outbox import Purpose
from core.setup import Setup
from core.wording import clean_text
from gateway.local_time import said_moment

REPLY_INSTRUCTIONS = "reply_instructions"
"""The line that tells people how to answer, in mail of a mailbox with plus_addressing = "only" (B-MT-07); no mail of its own, so it has no subject."""

CANNED = "canned text"
"""Where the table below speaks of texts that people put into their mails."""

PURPOSES: dict[str, str] = {
    Purpose.ACKNOWLEDGEMENT: "To whoever opened an item by mail, if the route says so.",
    Purpose.NO_ANSWER: "To the primary contact when no answer came in the days given.",
    Purpose.SPLIT: "To the primary contact of an item that was divided.",
    Purpose.MERGED: "To the primary contact of an item that goes on in another one.",
    Purpose.CASE_LAUNCHED: "To the primary contact of a ticket for which a case was opened.",
    Purpose.SEND_FAILED: "To the author of a mail that did not arrive, in the author's language; it stands in the notification, with what can be done from there.",
    Purpose.ALARM: "To administrators when a connector cannot send.",
    REPLY_INSTRUCTIONS: "A line in other mails, not a mail: how to answer. Only for mailboxes with `plus_addressing = \"only\"`; it has no subject.",
}
"""What each template is for; it is fixed when the template is made (C-TP-06)."""

OF_ITEM = (Purpose.ACKNOWLEDGEMENT, Purpose.NO_ANSWER, Purpose.SPLIT, Purpose.MERGED, Purpose.CASE_LAUNCHED)
"""What a customer is told of an item."""

ALWAYS: dict[str, tuple[str, ...]] = {
    Purpose.SPLIT: ("others",),
    Purpose.MERGED: ("others",),
    Purpose.CASE_LAUNCHED: ("others",),
    Purpose.SEND_FAILED: ("failures",),
    Purpose.ALARM: ("title", "name", "failures", "kind"),
}
"""Facts that every mail of the purpose brings; the others may be missing."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `fact` of the draft fills it ('' = it is always known); `filled_in` are the purposes where it can have a content."""

    name: str
    meaning: str
    sample: str
    fact: str = ""
    filled_in: tuple[str, ...] = ()


_ALL = (*OF_ITEM, CANNED)
_STRANGER = "Empty in the acknowledgement for a sender nobody vouches for."

VALUES: tuple[Value, ...] = (
    Value("item.ref", "Reference of the item, such as 101203-T.", "101203-T", filled_in=(*_ALL, Purpose.SEND_FAILED, REPLY_INSTRUCTIONS)),
    Value("item.title", f"Its title. {_STRANGER}", "Printer on the second floor", "title", _ALL),
    Value("item.process", "Name of its process.", "General support", "process", _ALL),
    Value("item.category", "Its category.", "Incident/Network", "category", _ALL),
    Value("item.due", "When it is due, in the zone of the desk.", "2026-03-02T17:00:00+00:00", "due", _ALL),
    Value("contact.name", f"Name of the contact the mail goes to. {_STRANGER}", "Carl Customer", "contact_name", _ALL),
    Value("contact.address", "Address of that contact.", "carl@acme.example", "contact_address", _ALL),
    Value("agent.name", "Name of the agent: who wrote, who did it, or who has the item.", "Ann Agent", "agent_name", (*_ALL, Purpose.SEND_FAILED)),
    Value("desk.name", "What the desk calls itself.", "Demo desk", filled_in=(*_ALL, Purpose.SEND_FAILED, Purpose.ALARM, REPLY_INSTRUCTIONS)),
    Value(
        "subject",
        "Subject of the mail it is about, else the title; “Your request” where it may not be shown. Never empty.",
        "Printer on the second floor",
        "subject",
        (*_ALL, Purpose.SEND_FAILED),
    ),
    Value("subject_known", "Whether `subject` is a real one.", "1", "subject", (*_ALL, Purpose.SEND_FAILED)),
    Value("closed", "Whether the item was closed because no answer came; in an alarm, whether it is over.", "yes", "closed", (Purpose.NO_ANSWER, Purpose.ALARM)),
    Value("others", "References of the other items, each on a line.", "101204-T", "others", (Purpose.SPLIT, Purpose.MERGED, Purpose.CASE_LAUNCHED)),
    Value("failures", "Who did not get the mail and why, or what the server said.", "carl@acme.example: 550 no", "failures", (Purpose.SEND_FAILED, Purpose.ALARM)),
    Value("connector.name", "The connector that fails.", "support", "name", (Purpose.ALARM,)),
    Value("kind", f"What an alarm is about: {', '.join(AlarmKind)}.", "suspended", "kind", (Purpose.ALARM,)),
    Value("detail", "What was seen, such as the words of the server; empty in some alarms.", "535 5.7.8 no", "detail", (Purpose.ALARM,)),
    Value("title", "The same as item.title; in an alarm what happened, in a few words.", "Printer on the second floor", "title", (*_ALL, Purpose.ALARM)),
    Value("name", "The same as connector.name.", "support", "name", (Purpose.ALARM,)),
)
"""Every value there is; one that this purpose does not fill is empty."""

NAMES = tuple(value.name for value in VALUES)
FACTS = tuple(dict.fromkeys(value.fact for value in VALUES if value.fact))

LONGEST_VALUE = 16_384
"""Characters of one value; the longest are lists of items, and what servers said."""

NEUTRAL_SUBJECT = {"en": "Your request", "fr": "Votre demande"}
"""`subject` where the sender is not known (decisions.md 9): a stranger's words are not sent on."""


def values_for(setup: Setup, language: str, ref: str, facts: Mapping[str, str]) -> dict[str, Any]:
    """The values of one mail, for a text in `language`; what `facts` does not give is empty. Facts beyond the table are passed over;
    controls and direction marks of a value are dropped, and it is cut at `LONGEST_VALUE`."""
    neutral = NEUTRAL_SUBJECT.get(language.partition("-")[0], NEUTRAL_SUBJECT["en"])
    known = {fact: clean_text(str(facts.get(fact, "")), LONGEST_VALUE) for fact in FACTS}
    known["due"] = _due(known["due"], setup.timezone, language)
    flat: dict[str, Any] = {value.name: known.get(value.fact, "") for value in VALUES}
    flat |= {"item.ref": ref, "desk.name": setup.name, "subject": known["subject"] or neutral, "subject_known": bool(known["subject"])}
    values: dict[str, Any] = {}
    for name, content in flat.items():
        outer, dot, inner = name.partition(".")
        if dot:
            values.setdefault(outer, {})[inner] = content
        else:
            values[outer] = content
    return values


def samples(used: frozenset[str]) -> dict[str, str]:
    """The facts that give each of the values in `used` a content, as an example."""
    return {value.fact: value.sample for value in VALUES if value.fact and value.name in used}


def _due(written: str, zone: str, language: str) -> str:
    try:
        return said_moment(datetime.fromisoformat(written), zone, language) if written else ""
    except ValueError:  # a fact that an older version wrote in another form
        return ""


def draw() -> str:
    """The purposes and the values as Markdown, for docs/templates.md."""
    from gateway.outbound.template_language import FILTERS, MAX_OUTPUT  # it reads NAMES from here

    return "\n".join(
        [
            _HEAD.format(filters=", ".join(f"`{one}`" for one in sorted(FILTERS)), most=MAX_OUTPUT),
            "## Purposes",
            "",
            "| purpose | what it is for |",
            "|---|---|",
            *(f"| `{purpose}` | {meaning} |" for purpose, meaning in PURPOSES.items()),
            "",
            "## Values",
            "",
            "| value | what it is | filled in |",
            "|---|---|---|",
            *(f"| `{{{{ {value.name} }}}}` | {value.meaning} | {', '.join(value.filled_in)} |" for value in VALUES),
            "",
        ]
    )


_HEAD = """# Templates and canned texts

Drawn from the code by `guichet docs`; do not edit by hand.

The texts of automatic mails are shipped in English and French (`templates/mail`). A table `[[mail_templates]]` of the desk file takes the
place of one, for one purpose and language; `[[canned_texts]]` are what people put into their own mails. Which text is taken: the language
asked for (that of the item, or of the person), then its main language (`fr` for `fr-CA`), then that of the desk, then English; in each of
them the desk's own before the shipped one. `guichet template list` shows them all, `guichet template preview PURPOSE --item REF` the mail
as it would be for a real item, also of a text that is not yet saved (`--file`).

A template shows values (`{{{{ item.ref }}}}`) and chooses (`{{% if closed %}}…{{% else %}}…{{% endif %}}`). Nothing else is allowed: no loops, no
calls, no arithmetic; of filters {filters}. A name that is not in the table below is
refused when the desk file is applied, as is a subject of more than one line or 200 characters. A mail may have {most} characters.
In HTML every value is escaped. What a stranger wrote is not sent on: see the acknowledgement.
"""
