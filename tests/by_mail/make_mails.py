"""Writes the mails in `mails/`: run `python -m tests.by_mail.make_mails` after the layout of notifications changed; what is expected of each is here, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from tests.by_mail import programs as by
from tests.by_mail.programs import Bodies
from tests.by_mail.told import ADDRESS, ENGLISH, FRENCH, SENDER, Notice

FOLDER = Path(__file__).parent / "mails"
MESSAGE_ID = "<k7akcerecq8dn4fpkw36a2sthsk.mac@demo.example>"

THANKS = "Hello Carl,\n\nwe come at two o'clock today. Please keep the old toner.\n\nRegards\nAnn"
BONJOUR = "Bonjour,\n\nnous passons aujourd’hui à 14 h. Gardez l’ancien toner, s’il vous plaît.\n\nCordialement\nAnne"
PHONE, TELEPHONE = "Sent from my iPhone", "Envoyé de mon iPhone"
OUTLOOK_IOS = 'Get <a href="https://aka.ms/o0ukef">Outlook for iOS</a>'


@dataclass(frozen=True, slots=True)
class Case:
    """One mail: which program wrote it, and what is to be understood. `html`: the words can be had in HTML, too."""

    name: str
    told: Notice
    bodies: Callable[[Notice], Bodies]
    commands: tuple[str, ...] = ()
    rest: str = ""
    held: bool = False
    html: bool | None = None
    subject: str = ""
    encoding: str = "quoted-printable"
    charset: str = "utf-8"
    flowed: bool = False
    faults: int = 0


def _html(html: str) -> Callable[[Notice], Bodies]:
    return lambda told: ("", html.replace("TOLD", told.body))


def _text(text: str) -> Callable[[Notice], Bodies]:
    return lambda told: (text.replace("TOLD", "\n".join(told.lines)).replace("QUOTED", by.cited(told.lines)), "")


CASES = (
    Case("outlook-windows", ENGLISH, lambda told: by.outlook(THANKS, told), (), THANKS, html=True),
    Case("outlook-windows-resolve", ENGLISH, lambda told: by.outlook("#resolve\n" + THANKS, told), ("resolve",), THANKS, html=True),
    Case(
        "outlook-windows-html-alone-signature",
        ENGLISH,
        lambda told: by.outlook("#wait 3d close", told, text_too=False, signature="-- \nAnn Agent\nDemo Ltd, Support"),
        ("wait 3d close",),
    ),
    Case(
        "outlook-windows-french",
        FRENCH,
        lambda told: by.outlook(BONJOUR, told),
        (),
        BONJOUR,
        html=True,
        charset="windows-1252",
        encoding="quoted-printable",
    ),
    Case(
        "outlook-windows-french-resoudre",
        FRENCH,
        lambda told: by.outlook("#résoudre sans réponse\n\n#note\nPlus de nouvelles.", told),
        ("resolve sans réponse", "note"),
        "Plus de nouvelles.",
        html=True,
    ),
    Case("outlook-web", ENGLISH, lambda told: by.outlook_web(THANKS, told), (), THANKS, html=True),
    Case(
        "outlook-web-two-commands",
        ENGLISH,
        lambda told: by.outlook_web("#take #wait 2 weeks\n\n" + THANKS, told, text_too=True),
        ("take", "wait 2 weeks"),
        THANKS,
        html=True,
    ),
    Case("outlook-ios", ENGLISH, lambda told: by.outlook_web("#take", told, link=OUTLOOK_IOS), ("take",)),
    Case("outlook-ios-words", ENGLISH, lambda told: by.outlook_web("Yes, at two.", told, link=OUTLOOK_IOS), (), "Yes, at two.", html=True),
    Case(
        "outlook-android-french",
        FRENCH,
        lambda told: by.outlook_web("#attendre\u00a03\u00a0j", told, link='Télécharger <a href="https://aka.ms/AAb9ysg">Outlook pour Android</a>'),
        ("wait 3 j",),
        encoding="base64",
    ),
    Case("apple-mail", ENGLISH, lambda told: by.apple(THANKS, told), (), THANKS, html=True),
    Case("apple-mail-french", FRENCH, lambda told: by.apple(BONJOUR, told), (), BONJOUR, html=True),
    Case("iphone-html-alone", ENGLISH, lambda told: by.apple("#resolve", told, html_only=True, phone=PHONE), ("resolve",)),
    Case(
        "iphone-html-alone-words",
        ENGLISH,
        lambda told: by.apple("We come at two o’clock.", told, html_only=True, phone=PHONE),
        (),
        "We come at two o’clock.",
        html=True,
    ),
    Case(
        "iphone-french-curly",
        FRENCH,
        lambda told: by.apple("#Jusqu’au 01/12/2026 9h00", told, html_only=True, phone=TELEPHONE),
        ("until 01/12/2026 9h00",),
        encoding="base64",
    ),
    Case("iphone-nothing-written", ENGLISH, lambda told: by.apple("", told, html_only=True, phone=PHONE)),
    Case("gmail-web", ENGLISH, lambda told: by.gmail(THANKS, told), (), THANKS, html=True),
    Case(
        "gmail-web-signature",
        ENGLISH,
        lambda told: by.gmail("#send 17:00\n" + THANKS, told, signature="Ann Agent\nDemo Ltd | +44 20 7946 0000"),
        ("send 17:00",),
        THANKS,
        html=True,
    ),
    Case(
        "gmail-web-linked-tag",
        ENGLISH,
        _html(
            '<div dir="ltr"><a href="https://www.example.org/hashtag/take">#take</a><div>'
            '#assign <a href="mailto:bob@demo.example">bob@demo.example</a></div></div>'
            f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, Nov 30, 2026 at 9:12 AM {SENDER} &lt;<a href="mailto:{ADDRESS}">{ADDRESS}</a>&gt; '
            'wrote:<br></div><blockquote class="gmail_quote">TOLD</blockquote></div>',
        ),
        ("take", "assign bob@demo.example"),
        faults=1,
    ),
    Case("gmail-android-french", FRENCH, lambda told: by.gmail("#prendre\n\n" + BONJOUR, told), ("take",), BONJOUR, html=True, encoding="base64"),
    Case(
        "gmail-formatted",
        ENGLISH,
        lambda told: (
            by.gmail("*#resolve*\n\nThe *new* toner is on its way.", told)[0],
            by.gmail("XX", told)[1].replace(
                "<div>XX</div>", "<div><b>#resolve</b></div><div><br></div><div>The <b>new</b> toner is on its way.</div>"
            ),
        ),
        ("resolve",),
        "The *new* toner is on its way.",
        html=True,
    ),
    Case(
        "thunderbird-below",
        ENGLISH,
        lambda told: by.thunderbird(THANKS, told, signature="Ann Agent, Demo Ltd"),
        (),
        THANKS,
        flowed=True,
        encoding="8bit",
    ),
    Case(
        "thunderbird-below-command",
        FRENCH,
        lambda told: by.thunderbird("#résoudre\n\n" + BONJOUR, told, html=True),
        ("resolve",),
        BONJOUR,
        html=True,
        encoding="8bit",
    ),
    Case(
        "thunderbird-on-top",
        ENGLISH,
        lambda told: by.thunderbird("#note\nCalled him: he sends the printer in.", told, below=False, signature="Ann"),
        ("note",),
        "Called him: he sends the printer in.",
        flowed=True,
        encoding="8bit",
    ),
    Case(
        "thunderbird-between",
        ENGLISH,
        lambda told: (
            by.between(
                {"We changed the toner": "Good, keep the old one.", "Can you come today": "We come at two."},
                told,
                f"On 30/11/2026 09:12, {SENDER} wrote:",
            ),
            "",
        ),
        (),
        "> Hello,\n> our printer on the second floor prints only blank pages since this morning.\n"
        "> We changed the toner already.\n\nGood, keep the old one.\n\n> Can you come today, or should we send it in?\n\nWe come at two.",
        flowed=False,
        encoding="8bit",
    ),
    Case(
        "mutt-between-trimmed",
        ENGLISH,
        lambda told: (
            by.between({"Can you come today": "At two."}, told, f"On Mon, Nov 30, 2026 at 09:12:00AM +0100, {SENDER} wrote:", only=True),
            "",
        ),
        (),
        "At two.",
        encoding="8bit",
    ),
    Case("mutt", ENGLISH, lambda told: by.mutt("#release", told), ("release",), encoding="8bit"),
    Case("mutt-words", ENGLISH, lambda told: by.mutt(THANKS, told, signature="Ann Agent"), (), THANKS, encoding="8bit"),
    Case("samsung", ENGLISH, lambda told: by.samsung("#take\nOn it.", told), ("take",), "On it.", html=True),
    Case(
        "samsung-french",
        FRENCH,
        lambda told: by.samsung("#ATTENDRE 2 semaines, puis fermer.\n\nMerci de nous dire si tout va bien.", told),
        ("wait 2 semaines, puis fermer",),
        "Merci de nous dire si tout va bien.",
        html=True,
        encoding="base64",
    ),
    Case("k9", ENGLISH, lambda told: by.k9("We come at two.", told), (), "We come at two."),
    Case("yahoo", ENGLISH, lambda told: by.yahoo("#until 2026-12-01 09:00", told), ("until 2026-12-01 09:00",)),
    Case("proton", ENGLISH, lambda told: by.proton("#help", told), ("help",)),
    Case("zoho", ENGLISH, lambda told: by.zoho("We come at two.", told), (), "We come at two.", html=True),
    Case("notes", ENGLISH, lambda told: by.notes("We come at two.", told), (), "We come at two.", charset="iso-8859-1"),
    Case(
        "roundcube-french-latin1",
        FRENCH,
        _text(f"#libérer\n\nMerci, je rends le dossier.\n\nLe 2026-11-30 09:12, {SENDER} a écrit :\nQUOTED"),
        ("release",),
        "Merci, je rends le dossier.",
        charset="iso-8859-15",
    ),
    Case("command-in-the-subject", ENGLISH, lambda told: by.gmail("", told), ("wait 3d",), subject="Re: [101203-T] #wait 3d"),
    Case(
        "header-of-an-unknown-program",
        ENGLISH,
        _text(f"We come at two.\n\n2026-11-30 09:12 ~ {SENDER} <{ADDRESS}> ~~:\n\nTOLD"),
        (),
        "We come at two.",
    ),
    Case(
        "mark-lost-and-nothing-quoted",
        ENGLISH,
        _text(
            "We come at two.\n\nCarl Customer wrote on 101203-T.\n\nAbout 101203-T\nPrinter prints blank pages\nStatus: In Progress\nProcess: General support\n"
            "Customer: Carl Customer <carl@customer.example>\n"
        ),
        (),
        "*",
        held=True,
    ),
    Case(
        "mark-broken-by-a-phone",
        ENGLISH,
        _html(
            "<div>We come at two.</div><div>##- Write your answer above</div><div>this</div><div>line -##</div><div>Carl Customer wrote on 101203-T.</div>"
        ),
        (),
        "We come at two.",
        html=True,
    ),
    Case("heading-copied-into-the-words", ENGLISH, _text("We come at two.\n\nAs in ##- About 101203-T\n"), (), "*", held=True),
    Case(
        "link-copied-into-the-words",
        ENGLISH,
        _text("Please click https://desk.demo.example/m/ftqz9m6f47brrt0jedm8raf1bd.Zm9vYmFyYmF6cXV4cXV1eGNvcmdl\n\nQUOTED"),
        (),
        "*",
        held=True,
    ),
)


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.eml"):
        old.unlink()
    for number, case in enumerate(CASES, 1):
        (FOLDER / f"{number:02}-{case.name}.eml").write_bytes(made(case, number))


def made(case: Case, number: int) -> bytes:
    """One mail as its program sends it."""
    text, html = case.bodies(case.told)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Ann Agent <ann@demo.example>"
    mail["To"] = f"{SENDER} <{ADDRESS}>"
    mail["Subject"] = case.subject or f"Re: {case.told.subject}"
    mail["Date"] = "Mon, 30 Nov 2026 10:00:00 +0100"
    mail["Message-ID"] = f"<corpus-{number}@mail.demo.example>"
    mail["In-Reply-To"] = MESSAGE_ID
    mail["References"] = MESSAGE_ID
    if text:
        mail.set_content(_fit(text, case), charset=case.charset, cte=case.encoding)
        if case.flowed:
            mail.set_param("format", "flowed")
        if html:
            mail.add_alternative(_fit(html, case), subtype="html", charset=case.charset, cte=case.encoding)
    else:
        mail.set_content(_fit(html, case), subtype="html", charset=case.charset, cte=case.encoding)
    if mail.is_multipart():
        mail.set_boundary(f"=_corpus_{number:02}")
    return mail.as_bytes()


def _fit(words: str, case: Case) -> str:
    """What the character set of the case can hold."""
    return words.replace("\ufeff", "").encode(case.charset, "replace").decode(case.charset) if case.charset != "utf-8" else words


if __name__ == "__main__":
    main()
