"""The mail that a forward hands on: whose it was, as clients write it in many languages, in HTML, and as an attachment."""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from core.mail import Address, Forwarded, Mail
from gateway.inbound.forwarded import forwarded_in
from gateway.inbound.loose_address import addresses, one_address
from gateway.inbound.parse import parse
from gateway.routing.forward import is_answer, is_forward, without_prefixes

JO = Address("jo@acme.example", "Jo Martin")
WHO = "Jo Martin <jo@acme.example>"
PEOPLE = {"who": WHO, "ann": "ann@house.example"}
ADDRESSES = [
    ("Jo Martin <jo@acme.example>", JO),
    ('"Jo Martin" <jo@acme.example>', JO),
    ("Jo Martin [mailto:jo@acme.example]", JO),
    ("Jo Martin <mailto:jo@acme.example>", JO),
    ("Jo Martin<mailto:jo@acme.example> <jo@acme.example<mailto:jo@acme.example>> on behalf of Desk <desk@house.example>", JO),
    ("Jo Martin (jo@acme.example)", JO),
    ("'Jo Martin' <jo@acme.example>", JO),
    ("jo@acme.example", Address("jo@acme.example")),
    ("<jo@acme.example>", Address("jo@acme.example")),
    ("jo@acme.example <jo@acme.example>", Address("jo@acme.example")),
    ("jo@acme.example<mailto:jo@acme.example>", Address("jo@acme.example")),
    ("Martin, Jo <jo@acme.example>", Address("jo@acme.example", "Martin, Jo")),
    ("Jo Martin", Address("", "Jo Martin")),
    ("", None),
    (" <> ", None),
]


@pytest.mark.parametrize(("written", "wanted"), ADDRESSES)
def test_addresses_as_written(written: str, wanted: Address | None) -> None:
    """Each way in which programs write a person for people."""
    assert one_address(written) == wanted


def test_lists() -> None:
    """Semicolons part, or commas where there are none; a comma in a name parts nothing."""
    assert [one.address for one in addresses("A <a@x.example>; Doe, B <b@x.example>; c@x.example")] == ["a@x.example", "b@x.example", "c@x.example"]
    assert [str(one) for one in addresses('"Doe, A" <a@x.example>, Martin, Jo <jo@acme.example>, c@x.example')] == [
        "Doe, A <a@x.example>",
        "Martin, Jo <jo@acme.example>",
        "c@x.example",
    ]
    assert len(addresses("a@x.example," * 10_000)) == 50


CLIENTS = {
    "gmail": "---------- Forwarded message ---------\nFrom: {who}\nDate: Tue, Mar 3, 2026 at 9:05 AM\nSubject: Printer\nTo: Ann <{ann}>\n\n\nIt is broken.",
    "gmail fr": "---------- Forwarded message ---------\nDe : {who}\nDate: mar. 3 mars 2026 à 09:05\nSubject: Printer\nTo: Ann <{ann}>\n\n\nIt is broken.",
    "thunderbird fr": "-------- Message transféré --------\nSujet : \tPrinter\nDate : \tTue, 3 Mar 2026 09:05\nDe : \t{who}\nPour : \t{ann}\n\n\n\nIt is broken.",
    "thunderbird de": "-------- Weitergeleitete Nachricht --------\nBetreff: \tPrinter\nDatum: \tTue, 3 Mar 2026\nVon: \t{who}\nAn: \t{ann}\n\n\nIt is broken.",
    "thunderbird es": "-------- Mensaje reenviado --------\nAsunto: \tPrinter\nFecha: \tTue, 3 Mar 2026\nDe: \t{who}\nPara: \t{ann}\n\n\nIt is broken.",
    "thunderbird it": "-------- Messaggio Inoltrato --------\nOggetto: \tPrinter\nData: \tTue, 3 Mar 2026\nMittente: \t{who}\nA: \t{ann}\n\n\nIt is broken.",
    "thunderbird nl": "-------- Doorgestuurd bericht --------\nOnderwerp: \tPrinter\nDatum: \tTue, 3 Mar 2026\nVan: \t{who}\nAan: \t{ann}\n\n\nIt is broken.",
    "thunderbird pt": "-------- Mensagem encaminhada --------\nAssunto: \tPrinter\nData: \tTue, 3 Mar 2026\nDe: \t{who}\nPara: \t{ann}\n\n\nIt is broken.",
    "apple": "Begin forwarded message:\n\n> From: {who}\n> Subject: Printer\n> Date: 3 March 2026 at 09:05:11 CET\n> To: {ann}\n> \n> It is broken.",
    "apple fr": "Début du message réexpédié :\n\n> De: {who}\n> Objet: Printer\n> Date: 3 mars 2026 à 09:05:11 UTC+1\n> À: {ann}\n> \n> It is broken.",
    "apple de": "Anfang der weitergeleiteten Nachricht:\n\n> Von: {who}\n> Betreff: Printer\n> Datum: 3. März 2026 um 09:05\n> An: {ann}\n> \n> It is broken.",
    "outlook fr": "De : {who}\nEnvoyé : mardi 3 mars 2026 09:05\nÀ : Ann <{ann}>\nObjet : Printer\n\nIt is broken.",
    "outlook bold": "*From:* {who}\n*Sent:* Tuesday, March 3, 2026 9:05 AM\n*To:* Ann <{ann}>\n*Subject:* Printer\n\nIt is broken.",
    "outlook de": "________________________________\nVon: {who}\nGesendet: Dienstag, 3. März 2026 09:05\nAn: Ann <{ann}>\nBetreff: Printer\n\nIt is broken.",
    "outlook wrapped": "From: {who}\nSent: Tuesday\nTo: Bob <bob@house.example>;\n Ann <{ann}>\nSubject: Printer\n\nIt is broken.",
    "yahoo": "   ----- Forwarded Message ----- From: {who}To: {ann}Sent: Tuesday, March 3, 2026 at 09:05:11 AM GMT+1Subject: Printer\n It is broken.",
    "notes": "----- Forwarded by Ann/House on 03/03/2026 10:00 AM -----\n\nFrom:\t{who}\nTo:\t{ann}\nDate:\t03/03/2026 09:05 AM\nSubject:\tPrinter\n\n\nIt is broken.",
    "zimbra": "----- Message transféré -----\nDe: {who}\nÀ: {ann}\nEnvoyé: Mardi 3 Mars 2026 09:05:11\nObjet: Printer\n\nIt is broken.",
    "samsung": "-------- Original message --------\nFrom: {who} \nDate: 3/3/26 9:05 AM (GMT+01:00) \nTo: {ann} \nSubject: Printer \n\nIt is broken.",
    "paragraphs": "From: {who}\n\nSent: Tuesday, March 3\n\nTo: {ann}\n\nSubject: Printer\n\nIt is broken.",
}


@pytest.mark.parametrize("own", ["", "Please see below.\n\nAnn\n\n"])
@pytest.mark.parametrize("client", CLIENTS)
def test_clients(client: str, own: str) -> None:
    """Sender, subject, date, recipients and text of the original, with words of the person who forwards it above or without."""
    found = forwarded_in((own + CLIENTS[client].format_map(PEOPLE)).split("\n"), subject="Fwd: else", sure=True, answer=False)
    assert found is not None
    assert (found.from_, found.subject, found.text) == (JO, "Printer", "It is broken.")
    assert "ann@house.example" in {one.address for one in found.to} | {one.address.replace("Sent", "") for one in found.to}
    assert found.date


STRANGERS = {
    "its own word for from": "---------- Forwarded message ---------\nKropo: {who}\nDate: 3 Mar\nSubject: Printer\nTo: Ann <{ann}>\n\n\nIt is broken.",
    "from in the third line": "-------- Forwarded Message --------\nSubject: \tPrinter\nDate: \tTue\nKropo: \t{who}\nTo: \t{ann}\n\n\nIt is broken.",
    "a word between": "-----Original Message-----\nFrom: {who}\nDate: Tue\nTo: Ann <{ann}>\nKopu lesta: bob@x.example\nSubject: Printer\n\nIt is broken.",
    "announced in any words": "  ----- Lorema Mesago ----- Kimden: {who}Kime: {ann}Gönderilen: 3 Mart 2026Konu: Printer\n It is broken.",
    "quoted below any words": "> Lorema mesago:\n>\n> Od: {who}\n> Předmět: Printer\n> Datum: 3. března 2026\n> Komu: {ann}\n>\n> It is broken.",
    "a label without colon": "  ----- Mensagem reencaminhada ----- De: {who}Para: {ann}Enviado: 3 de março CETAssunto Printer\n It is broken.",
    "two words for a label": "Von: {who}\nDatum: 3. März\nKopie (CC): bob@x.example\nAn: {ann}\nBetreff: Printer\n\nIt is broken.",
    "from right to left": "-----הודעה מקורית-----\n\u202bמאת:\u202c {who}\nתאריך: 3.3.2026\nאל: {ann}\nנושא: Printer\n\nIt is broken.",
}


@pytest.mark.parametrize("subject", ["Fwd: Printer", "Good morning"])
@pytest.mark.parametrize("form", STRANGERS)
def test_words_in_no_table(form: str, subject: str) -> None:
    """The form of a forward tells what it is where its words, or one of its labels, are of a language that no table has."""
    found = forward(STRANGERS[form].format_map(PEOPLE), subject).forwarded
    assert found is not None
    assert (found.from_, found.subject, found.text) == (JO, "Printer", "It is broken.")
    assert "ann@house.example" in {one.address for one in found.to}
    assert found.date


HEADERS = [
    ('On 3/3/2026 9:05, "Jo Martin" <{jo}> wrote:', "3/3/2026 9:05"),
    ("On Tue, Mar 3, 2026 at 9:05 AM Jo Martin <{jo}> wrote:", "Tue, Mar 3, 2026 at 9:05 AM"),
    ("On Tuesday, March 3, 2026, 09:05:11 PM GMT+1, Jo Martin <{jo}> wrote:", "Tuesday, March 3, 2026, 09:05:11 PM GMT+1"),
    ("Le mar. 3 mars 2026 à 09:05, « Jo Martin » <{jo}> a écrit :", "mar. 3 mars 2026 à 09:05"),
    ("Am 3.3.26 um 09:05 schrieb Jo Martin <{jo}>:", "3.3.26 um 09:05"),
    ("Op di 3 mrt 2026 om 09:05 heeft Jo Martin [mailto:{jo}] geschreven:", "di 3 mrt 2026 om 09:05"),
    ("Il giorno mar 3 mar 2026 alle ore 09:05 Jo Martin <{jo}> ha scritto:", "mar 3 mar 2026 alle ore 09:05"),
    ("D. 3. marts 2026 kl. 09.05 skrev Jo Martin <{jo}>:", "3. marts 2026 kl. 09.05"),
    ("W dniu 3.03.2026, 9:05 użytkownik „Jo Martin” <{jo}> napisał:", "3.03.2026, 9:05"),
    ("3. 3. 2026 v 9:05 používateľ Jo Martin (<{jo}>) napísal:", "3. 3. 2026 v 9:05"),
    ("2026-03-03 09:05 időpontban Jo Martin ({jo}) ezt írta:", "2026-03-03 09:05"),
    ("Jo Martin <{jo}> kirjoitti 3.3.2026 9.05:", "3.3.2026 9.05"),
    ("Jo Martin <{jo}> skrev følgende den 3.3.2026, 09:05:", "3.3.2026, 09:05"),
    ("Jo Martin <{jo}>, 3 Mar 2026 Sal, 09:05 tarihinde şunu yazdı:", "3 Mar 2026 Sal, 09:05"),
]


@pytest.mark.parametrize(("header", "date"), HEADERS)
def test_headers_of_answers_above_a_forward(header: str, date: str) -> None:
    """Desktop Outlook on a Mac forwards below the line of an answer: the name and the date, in whatever order a language has them."""
    found = forward(header.format(jo="jo@acme.example") + "\n\n    It is broken.\n").forwarded
    assert found is not None
    assert (found.from_, found.date, found.subject, found.text) == (JO, date, "Printer", "It is broken.")


def forward(text: str, subject: str = "Fwd: Printer", sender: str = "ann@house.example", *, html: bool = False, **headers: str) -> Mail:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "desk@house.example", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text, subtype="html" if html else "plain")
    return parse(message.as_bytes())


def test_the_forwarding_person_is_heard() -> None:
    """What stands above the header, and all below it, is new text; the original's own text is kept apart besides."""
    mail = forward("Please see to it.\n\n" + CLIENTS["gmail fr"].format_map(PEOPLE))
    assert mail.new_text.startswith("Please see to it.")
    assert mail.new_text.endswith("It is broken.")
    assert mail.quoted_text == ""
    assert mail.forwarded == Forwarded(JO, (Address("ann@house.example", "Ann"),), (), "Printer", "mar. 3 mars 2026 à 09:05", "It is broken.")


def test_nested() -> None:
    """Of forwards within forwards the outermost original counts."""
    inner = CLIENTS["gmail"].format_map(PEOPLE | {"who": "Eve <eve@z.example>"})
    found = forward(CLIENTS["thunderbird fr"].format_map(PEOPLE) + "\n\n" + inner).forwarded
    assert found is not None
    assert found.from_ == JO
    assert "eve@z.example" in found.text


def test_in_html() -> None:
    """Outlook's forward in HTML only."""
    html = (
        '<p>See below.</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>De&nbsp;:</b> Jo Martin &lt;jo@acme.example&gt;<br>'
        "<b>Envoyé&nbsp;:</b> mardi<br><b>À&nbsp;:</b> Ann<br><b>Objet&nbsp;:</b> Printer</p></div><p>It is broken.</p>"
    )
    found = forward(html, html=True).forwarded
    assert found == Forwarded(JO, (Address("", "Ann"),), (), "Printer", "mardi", "It is broken.")


@pytest.mark.parametrize("subject", ["Fwd: Printer", "TR : Printer"])
def test_as_an_attachment(subject: str) -> None:
    """Apple Mail and Thunderbird attach the original: its own header tells."""
    inner = EmailMessage()
    inner["From"], inner["To"], inner["Cc"], inner["Subject"] = WHO, "ann@house.example", "bob@house.example", "Printer"
    inner["Date"] = "Tue, 03 Mar 2026 09:05:11 +0100"
    inner.set_content("It is broken.\n\nOn 2 Mar 2026 at 08:00, Ann <ann@house.example> wrote:\n> How is it?\n")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@house.example", "desk@house.example", subject
    message.set_content("Please see to it.")
    message.add_attachment(inner)
    mail = parse(message.as_bytes(policy=SMTP))
    assert mail.new_text.strip() == "Please see to it."
    assert mail.forwarded == Forwarded(
        JO, (Address("ann@house.example"),), (Address("bob@house.example"),), "Printer", "Tue, 03 Mar 2026 09:05:11 +0100", "It is broken."
    )
    assert [one.content_type for one in mail.attachments] == ["message/rfc822"]


NONE = {
    "an answer": ("Yes.\n\nOn Tue, Mar 3, 2026 at 9:05 AM Jo <jo@acme.example> wrote:\n> Is it?", "Re: x"),
    "an answer to a forward": (
        "Yes.\n\nOn Tue, Mar 3, 2026 at 9:05 AM Jo <jo@acme.example> wrote:\n> " + CLIENTS["gmail"].replace("\n", "\n> "),
        "Re: Fwd: x",
    ),
    "an outlook answer": ("Yes.\n\n" + CLIENTS["outlook fr"].format_map(PEOPLE), "RE: x"),
    "words of a form": ("Our form says\nFrom: Paris\nTo: Lyon", "x"),
    "nothing": ("Hello", "Fwd: x"),
}


@pytest.mark.parametrize("name", NONE)
def test_no_forwards(name: str) -> None:
    """Answers, also to forwards, and mails that only use the words hand nothing on."""
    text, subject = NONE[name]
    assert forward(text, subject).forwarded is None


SUBJECTS = [
    ("Fwd: x", True, False, "x"),
    ("TR : x", True, False, "x"),
    ("WG: AW: x", True, False, "x"),
    ("Re: Fwd: x", False, True, "x"),
    ("RE[2]: x", False, True, "x"),
    ("[EXTERNAL] FW: x", True, False, "[EXTERNAL] FW: x"),
    ("[Fwd: x]", True, False, "x"),
    ("Redir.: x", True, False, "x"),
    ("İLT: x", True, False, "x"),
    ("Videresend: x", True, False, "x"),
    ("πρθ: x", True, False, "x"),
    ("回覆：x", False, True, "x"),
    ("R: x", False, True, "x"),
    ("Train: late", False, False, "Train: late"),
    ("", False, False, ""),
]


@pytest.mark.parametrize(("subject", "forwards", "answers", "bare"), SUBJECTS)
def test_subjects(subject: str, forwards: bool, answers: bool, bare: str) -> None:
    """The first prefix says what the mail is; all prefixes go where the original's subject is wanted."""
    assert (is_forward(subject), is_answer(subject), without_prefixes(subject)) == (forwards, answers, bare)


@pytest.mark.parametrize(
    "unit",
    [
        "From: x\n",
        "From: ",
        "-- Forwarded message -- From: ",
        "On x wrote:\n",
        "> ",
        "From: a@b.c\nTo: x;\n",
        ">>>> From: x\n",
        "a@",
        "<",
        ",;",
        "Xy: a@b.c\nDate: x\n",
        "-- x -- From: a@b.c ",
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    """Four times the text costs about four times the time."""

    def cost(length: int) -> float:
        text = ("From: Jo <jo@x.example>\nTo: " + unit * (length // len(unit) + 1))[:length]
        began = time.process_time()
        forwarded_in(text.split("\n"), subject="Fwd: x", sure=True, answer=False)
        return time.process_time() - began

    small = min(cost(250_000) for _ in range(2))
    assert min(cost(1_000_000) for _ in range(2)) < 10 * small + 0.1


def test_announcements_of_nothing_but_labels_take_no_time() -> None:
    """Two megabytes of lines that announce a forward and hold a thousand colons each."""
    lines = ["-- Forwarded message -- " + "A:" * 1_480] * 600
    began = time.process_time()
    assert forwarded_in(lines, subject="Fwd: x", sure=True, answer=False) is None
    assert time.process_time() - began < 1.0
