"""A day of three agents and two customers over real mailboxes, nobody opens a page: every mail that is expected in every mailbox, and the timeline of the page."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.desk import Desk
from tests import dovecot, postfix
from tests.by_mail.day import ANN, BOB, CARL, CUSTOMERS, GINA, GONE, LEA, NAMES, ROOT, Day, Seen, by_mail, comparable, named, on_the_page, seen
from tests.conftest import missing

TICKET, CASE = "101001-T", "101002-C"
TITLE, PARCEL = f"[{TICKET}] Printer on fire", f"[{CASE}] Fwd: Broken parcel"
BY_MAIL_DELAY = timedelta(minutes=2)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
ALL = ["assigned", "new_information", "failed", "at_risk", "overdue", "in_queue"]


# ---------------------------------------------------------------- what happens


def live(day: Day) -> None:
    """The day, told once: what agents write by mail, and beside it what they do on the page instead."""
    desk = day.house.desk
    desk.set_told_by_mail(ANN, ANN, at_once=ALL)
    desk.set_told_by_mail(BOB, BOB, at_once=[one for one in ALL if one != "in_queue"])
    desk.set_told_by_mail(LEA, LEA, digest=["in_queue"])
    desk.set_signature(ANN, ANN, text="Ann Agent\nDemo desk")

    day.writes(CARL, "Printer on fire", "It burns.")  # ann hears of it at once; lea would tomorrow, but by then it is somebody's
    day.later(minutes=10)
    day.does(ANN, "#take", lambda desk: desk.do(TICKET, "take", ANN))
    day.later(minutes=10)
    day.does(ANN, "Please pour water on it.\n\nWhich model is it?", _replies(ANN, "Please pour water on it.\n\nWhich model is it?", signature=True))
    day.later(minutes=3)
    day.answers(CARL, "It is a LaserJet.", files=[("printer.png", PNG)])
    day.later(minutes=10)
    day.does(ANN, "#wait 3d\nPlease send us the serial number.", _asks_and_waits)
    day.later(minutes=3)
    day.later(days=1)
    day.later(days=2)  # no answer
    day.answers(CARL, "The serial number is 42.")
    day.later(minutes=10)
    day.does(ANN, "#resolve\nWe send you a new one.", _replies(ANN, "We send you a new one.", resolve=True, signature=True))
    day.later(minutes=3)
    day.answers(CARL, "Thanks, it works!")
    day.later(minutes=10)
    day.does(ANN, "#resolve again", lambda desk: desk.do(TICKET, "resolve-again", ANN))
    day.later(hours=1)
    day.answers(CARL, "One thing more: it is too loud.")
    day.later(minutes=10)
    day.does(ANN, "#assign bob\n#note\nBob knows this printer.", _hands_over)
    day.later(minutes=10)
    day.does(BOB, "Bonjour,\n\ntournez le bouton.", _replies(BOB, "Bonjour,\n\ntournez le bouton."), told=-2)
    day.later(minutes=3)
    day.does(BOB, "#assigner ann", lambda desk: desk.do(TICKET, "assign", BOB, to=ANN), told=-2)
    day.later(minutes=10)

    desk.set_absence(ANN, ANN, until=day.clock.now() + timedelta(days=5), deputy=LEA)
    day.answers(CARL, "Which button?")
    day.later(minutes=10)
    day.does(LEA, "#résoudre\nCelui de gauche.", _replies(LEA, "Celui de gauche.", resolve=True))
    day.later(minutes=3)

    desk.set_told_by_mail(BOB, BOB, at_once=ALL)
    day.writes(GINA, "Broken parcel", "The box came open.", to=f"{NAMES[LEA]} <{LEA}>")
    day.later(minutes=5)
    day.hands_on(LEA, "#dossier Claim\nPour Bob.")
    day.later(minutes=5)
    day.does(BOB, "A new box is on its way.", _replies(BOB, "A new box is on its way.", CASE))
    day.later(minutes=3)
    day.answers(GINA, "Please tell my assistant when.", reply_to=GONE)
    day.later(minutes=10)
    day.does(BOB, "It comes tomorrow.", _replies(BOB, "It comes tomorrow.", CASE))
    day.later(minutes=3)  # nobody is there any more


def _replies(by: str, text: str, ref: str = TICKET, **more: bool):  # type: ignore[no-untyped-def]
    return lambda desk: desk.mail(ref, by, text=text, undo=BY_MAIL_DELAY, **more)


def _asks_and_waits(desk: Desk) -> None:
    _replies(ANN, "Please send us the serial number.", signature=True)(desk)
    desk.do(TICKET, "wait", ANN, wait_type="more_information", days=3.0)


def _hands_over(desk: Desk) -> None:
    desk.note(TICKET, ANN, "Bob knows this printer.")
    desk.do(TICKET, "assign", ANN, to=BOB)


# ---------------------------------------------------------------- what notifications and confirmations say


def told(lead: str, said: str, status: str, *, does: str = "Resolve it") -> str:
    """A notification about Carl's ticket in English. `said`: what is new, under its heading."""
    return f"""\
##- Write your answer above this line -##

{lead}

{said}

##- About {TICKET} -##
Printer on fire
Status: {status}
Process: General support
Customer: Carl Customer <carl@acme.example>
Commands stand in the first lines of your answer; #help alone lists them.

##- What you can do here -##
{does}: LINK
No more mails of this kind: LINK

##- Your answer goes to the customer (Carl Customer <carl@acme.example>) -##"""


def dit(
    lead: str,
    said: str,
    status: str = "à faire",
    *,
    item: tuple[str, str, str, str] = (TICKET, "Printer on fire", "General support", "Carl Customer <carl@acme.example>"),
    does: str = "Le résoudre",
    says: str = "",
) -> str:
    """The same in French, about any item: reference, title, process, customer."""
    ref, title, process, customer = item
    return f"""\
##- Écrivez votre réponse au-dessus de cette ligne -##

{lead}

{said}

##- À propos de {ref} -##
{title}
État : {status}
Processus : {process}
Client : {customer}
Les commandes s’écrivent dans les premières lignes de votre réponse ; #aide seul en donne la liste.

##- Ce que vous pouvez faire ici -##
{does} : LINK
Ne plus recevoir ce genre de message : LINK

##- {says or f"Votre réponse ira au client ({customer})"} -##"""


def by_carl(when: str, words: str) -> str:
    return f"##- Carl Customer <carl@acme.example>, {when} (CET) -##\n{words}"


def done(*deeds: str) -> str:
    """The confirmation of a mail with commands."""
    lines = "\n".join(deeds)
    return f"""\
##- Write your answer above this line -##

Done on {TICKET}.

##- What your mail did -##
{lines}

##- What you can do here -##
Take this back: LINK

##- An answer to this mail carries out commands; other words are not sent to the customer -##"""


def fait(*deeds: str) -> str:
    lines = "\n".join(deeds)
    return f"""\
##- Écrivez votre réponse au-dessus de cette ligne -##

C’est fait sur {TICKET}.

##- Ce que votre message a fait -##
{lines}

##- Ce que vous pouvez faire ici -##
Annuler : LINK

##- Une réponse à ce message exécute des commandes ; d’autres mots ne vont pas au client -##"""


def registered(ref: str) -> str:
    return f"""\
Hello,

thank you for your message. We have received it and registered it under the
reference {ref}. Somebody will answer you.

If you write to us again about it, please reply to this mail, so that
everything stays together.

Demo desk

This is an automatic confirmation."""


NO_ANSWER = f"""\
Hello,

we asked you for more information about {TICKET} and have not had an
answer from you.

If you still need us, please reply to this mail.

Demo desk

This is an automatic message."""

WROTE = f"Carl Customer wrote on {TICKET}."
NOT_SENT = "Nothing was sent to the customer."
SIGNED = "\n\n-- \nAnn Agent\nDemo desk"
ABOUT_CASE = (CASE, "Fwd: Broken parcel", "Claim", "Gina Globex <gina@globex.example>")
HANDED_ON = """\
##- Lea Leader <lea@demo.example>, 5 mars 2026 à 12:51 (CET) -##
Pour Bob.

-------- Forwarded Message --------
Subject: Broken parcel
Date: Thu, 05 Mar 2026 11:46:04 +0000
From: Gina Globex <gina@globex.example>
To: Lea Leader <lea@demo.example>

The box came open."""

LOST = f"""\
##- [{CASE}] Votre courriel n’a pas pu être remis -##
Bonjour,

votre courriel «\u00a0Re: {PARCEL}\u00a0» au sujet de {CASE} n’a pas pu être
remis\u00a0:

{GONE}: 550 5.1.1 <{GONE}>: Recipient address rejected: no such mailbox (there is no such address)

L’élément est de nouveau à l’état «\u00a0À faire\u00a0». Le courriel se trouve dans la
boîte d’envoi, où vous pouvez le renvoyer ou l’annuler.

Demo desk"""

DESK_ = "Demo desk <support@demo.example>"
CARL_SAYS, BOB_SAYS = '"Carl Customer (Demo desk)" <support@demo.example>', '"Bob Agent (Demo desk)" <support@demo.example>'
ANN_SAYS, LEA_SAYS = '"Ann Agent (Demo desk)" <support@demo.example>', '"Lea Leader (Demo desk)" <support@demo.example>'
GINA_SAYS = '"Gina Globex (Demo desk)" <support@demo.example>'
ANN_, BOB_, LEA_, CARL_, GINA_ = (f"{NAMES[one]} <{one}>" for one in (ANN, BOB, LEA, CARL, GINA))
ANN_SENDS, BOB_SENDS, LEA_SENDS = (f"{NAMES[one]} <support@demo.example>" for one in (ANN, BOB, LEA))
RE, RE_PARCEL = f"Re: {TITLE}", f"Re: {PARCEL}"


# ---------------------------------------------------------------- every mail in every mailbox
# `2.to.carl` is the second mail in Carl's mailbox, `ann.writes.3` the third mail that Ann wrote. Columns: from, to, subject, In-Reply-To, References, text.

EXPECTED: dict[str, list[Seen]] = {
    ANN: [
        Seen(CARL_SAYS, ANN_, TITLE, "", "", told(f"{TICKET} is new in your queue “First line”.", by_carl("2 March 2026, 10:00", "It burns."), "to do", does="Take it")),
        Seen(DESK_, ANN_, RE, "ann.writes.1", "1.to.ann ann.writes.1", done(f"– {TICKET} is yours.", NOT_SENT)),
        Seen(
            CARL_SAYS, ANN_, TITLE, "1.to.ann", "1.to.ann",
            told(WROTE, by_carl("2 March 2026, 10:23", "It is a LaserJet.\n\nAttached: “printer.png”"), "in progress"), files="printer.png",
        ),
        Seen(
            DESK_, ANN_, RE, "ann.writes.3", "1.to.ann 3.to.ann ann.writes.3",
            done(f"– {TICKET} waits for an answer for 3 days.", "– Your answer to carl@acme.example leaves on 2 March 2026 at 10:35 (CET)."),
        ),
        Seen(
            DESK_, ANN_, TITLE, "3.to.ann", "1.to.ann 3.to.ann",
            told(f"{TICKET} calls for your attention.", "##- What happened, 5 March 2026, 10:36 (CET) -##\nNo answer came in the days given.", "to do"),
        ),
        Seen(
            CARL_SAYS, ANN_, TITLE, "5.to.ann", "1.to.ann 3.to.ann 5.to.ann",
            told(WROTE, by_carl("5 March 2026, 10:36", "The serial number is 42."), "to do"),
        ),
        Seen(
            DESK_, ANN_, RE, "ann.writes.4", "1.to.ann 3.to.ann 5.to.ann 6.to.ann ann.writes.4",
            done(f"– {TICKET} is resolved (answered).", "– Your answer to carl@acme.example leaves on 5 March 2026 at 10:48 (CET)."),
        ),
        Seen(
            CARL_SAYS, ANN_, TITLE, "6.to.ann", "1.to.ann 3.to.ann 5.to.ann 6.to.ann",
            told(WROTE, by_carl("5 March 2026, 10:49", "Thanks, it works!"), "to do"),
        ),
        Seen(
            DESK_, ANN_, RE, "ann.writes.5", "1.to.ann 3.to.ann 5.to.ann 6.to.ann 8.to.ann ann.writes.5",
            done(f"– {TICKET} is resolved again, as before.", NOT_SENT),
        ),
        Seen(
            CARL_SAYS, ANN_, TITLE, "8.to.ann", "1.to.ann 3.to.ann 5.to.ann 6.to.ann 8.to.ann",
            told(WROTE, by_carl("5 March 2026, 11:59", "One thing more: it is too loud."), "to do"),
        ),
        Seen(
            DESK_, ANN_, RE, "ann.writes.6", "1.to.ann 3.to.ann 5.to.ann 6.to.ann 8.to.ann 10.to.ann ann.writes.6",
            done(f"– Your note is on {TICKET}; nothing was sent.", f"– {TICKET} is assigned to Bob Agent.", NOT_SENT),
        ),
        Seen(
            BOB_SAYS, ANN_, TITLE, "10.to.ann", "1.to.ann 3.to.ann 5.to.ann 6.to.ann 8.to.ann 10.to.ann",
            told(f"Bob Agent gave you {TICKET}.", by_carl("5 March 2026, 11:59", "One thing more: it is too loud."), "to do"),
        ),
    ],
    BOB: [
        Seen(ANN_SAYS, BOB_, TITLE, "", "", dit(f"Ann Agent vous a confié {TICKET}.", by_carl("5 mars 2026 à 11:59", "One thing more: it is too loud."))),
        Seen(
            ANN_SAYS, BOB_, TITLE, "1.to.bob", "1.to.bob",
            dit(
                f"Ann Agent a laissé une note sur {TICKET}.", "##- Note interne de Ann Agent, 5 mars 2026 à 12:09 (CET) -##\nBob knows this printer.",
                says=f"Votre réponse reste interne : elle devient une note sur {TICKET}",
            ),
        ),
        Seen(DESK_, BOB_, RE, "bob.writes.2", "1.to.bob bob.writes.2", fait(f"– {TICKET} est attribué à Ann Agent.", "Rien n’a été envoyé au client.")),
        Seen(LEA_SAYS, BOB_, PARCEL, "", "", dit(f"{CASE} est nouveau dans votre file « Claims ».", HANDED_ON, item=ABOUT_CASE, does="Le prendre")),
        Seen(
            GINA_SAYS, BOB_, PARCEL, "4.to.bob", "4.to.bob",
            dit(
                f"Gina Globex a écrit au sujet de {CASE}.",
                "##- Gina Globex <gina@globex.example>, 5 mars 2026 à 12:59 (CET) -##\nPlease tell my assistant when.", "en cours", item=ABOUT_CASE,
            ),
        ),
        Seen(DESK_, BOB_, PARCEL, "5.to.bob", "4.to.bob 5.to.bob", dit(f"Un message de {CASE} n’est pas arrivé.", LOST, item=ABOUT_CASE)),
    ],
    LEA: [
        Seen(
            CARL_SAYS, LEA_, TITLE, "", "",
            dit(
                f"Carl Customer a écrit au sujet de {TICKET}.\n{TICKET} est à vous maintenant : vous remplacez Ann Agent.",
                by_carl("5 mars 2026 à 12:32", "Which button?"),
            ),
        ),
        Seen(
            DESK_, LEA_, RE, "lea.writes.1", "1.to.lea lea.writes.1",
            fait(f"– {TICKET} est résolu (répondu).", "– Votre réponse à carl@acme.example part le 5 mars 2026 à 12:45 (CET)."),
        ),
        Seen(GINA_, LEA_, "Broken parcel", "", "", "The box came open."),
    ],
    CARL: [
        Seen(DESK_, CARL_, TITLE, "carl.writes.1", "carl.writes.1", registered(TICKET)),
        Seen(
            ANN_SENDS, CARL_, RE, "carl.writes.1", "1.to.carl carl.writes.1",
            f"Please pour water on it.\n\nWhich model is it?{SIGNED}",
        ),
        Seen(
            ANN_SENDS, CARL_, RE, "carl.writes.2", "carl.writes.1 1.to.carl 2.to.carl carl.writes.2",
            f"Please send us the serial number.{SIGNED}",
        ),
        Seen(DESK_, CARL_, TITLE, "carl.writes.2", "carl.writes.1 1.to.carl 2.to.carl 3.to.carl carl.writes.2", NO_ANSWER),
        Seen(
            ANN_SENDS, CARL_, RE, "carl.writes.3", "carl.writes.1 1.to.carl 2.to.carl carl.writes.2 3.to.carl 4.to.carl carl.writes.3",
            f"We send you a new one.{SIGNED}",
        ),
        Seen(
            BOB_SENDS, CARL_, RE, "carl.writes.5",
            "carl.writes.1 1.to.carl 2.to.carl carl.writes.2 3.to.carl 4.to.carl carl.writes.3 5.to.carl carl.writes.4 carl.writes.5",
            "Bonjour,\n\ntournez le bouton.",
        ),
        Seen(
            LEA_SENDS, CARL_, RE, "carl.writes.6",
            "carl.writes.1 1.to.carl 2.to.carl carl.writes.2 3.to.carl 4.to.carl carl.writes.3 5.to.carl carl.writes.4 carl.writes.5 6.to.carl carl.writes.6",
            "Celui de gauche.",
        ),
    ],
    GINA: [
        Seen(BOB_SENDS, GINA_, RE_PARCEL, "lea.writes.2", "lea.writes.2", "A new box is on its way."),
    ],
}  # fmt: skip


# ---------------------------------------------------------------- met


@pytest.mark.timeout(180)
def test_a_day_by_mail(tmp_path: Path, example_setup: Setup, clock: FakeClock) -> None:
    """Agents by mail, it must hold (a): new, take, reply, wait, reply, resolve, thanks, resolve again, hand over, absence, failed mail: every mailbox has exactly the
    mails of the table; nothing of a notification reaches a customer; the timelines are those of a desk where the same was done on the page."""
    if dovecot.missing_reason() or postfix.missing_reason():
        missing(dovecot.missing_reason() or postfix.missing_reason())
    with by_mail(tmp_path / "mail", example_setup, clock) as day:
        live(day)
        boxes = {who: day.box(who) for who in NAMES}
        shown = {ref: day.house.desk.show(ref, ROOT) for ref in (TICKET, CASE)}
        outcomes = {line["outcome"] for line in day.house.desk.list_agent_mails(ROOT)}
    names = named(boxes)
    for who, expected in EXPECTED.items():
        assert [seen(mail, names) for mail in boxes[who]] == expected, who
    for who in CUSTOMERS:
        assert not any(b"##-" in mail.as_bytes() or b"/m/" in mail.as_bytes() for mail in boxes[who])
    assert outcomes == {"done"}, "each mail by an agent is on the audit list"
    _check_headers(boxes)
    with on_the_page(tmp_path / "page", example_setup, FakeClock()) as page:
        live(page)
        for ref, mine in shown.items():
            theirs = page.house.desk.show(ref, ROOT)
            assert comparable(mine) == comparable(theirs), ref


def _check_headers(boxes: dict[str, list[EmailMessage]]) -> None:
    """Of what agents are sent about their items: automatic, with a signed address for answers; notifications can be ended with one click (RFC 8058)."""
    for mail in (mail for who in (ANN, BOB, LEA) for mail in boxes[who]):
        body = mail.get_body(("plain",))
        if body is None or not body.get_content().startswith("##-"):
            continue
        assert mail["Auto-Submitted"] and "support+a." in mail["Reply-To"], mail.as_string()
        is_notification = not mail["Subject"].startswith("Re: ")
        assert (mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") == is_notification
