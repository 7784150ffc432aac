"""Quotations as mail programs draw them in HTML: what is new, what is folded, and that nothing of the page is lost."""

from __future__ import annotations

import re
import time
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail import Mail
from gateway.inbound.html_quotes import FOLD, NEW, QUOTED, TAG, VOID, folded
from gateway.inbound.parse import parse
from gateway.inbound.plain import page_of
from gateway.inbound.sanitise import sanitise

WHO = 'Sam Desk &lt;<a href="mailto:desk@house.example">desk@house.example</a>&gt;'
OUTLOOK_RULE = '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
BLOCK = f"<b>From:</b> {WHO}<br><b>Sent:</b> Tuesday, March 3, 2026 9:05 AM<br><b>To:</b> Ann<br><b>Subject:</b> RE: printer"
BLOCK_FR = f"<b>De&nbsp;:</b> {WHO}<br><b>Envoyé&nbsp;:</b> mardi 3 mars 2026 09:05<br><b>À&nbsp;:</b> Ann<br><b>Objet&nbsp;:</b> RE: x"
GMAIL_HEAD = f'<div dir="ltr" class="gmail_attr">On Tue, Mar 3, 2026 at 9:05 AM {WHO} wrote:<br></div>'
GMAIL_QUOTE = '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">'

CLIENTS = {
    "gmail": f'<div dir="ltr">It works.</div><br><div class="gmail_quote gmail_quote_container">{GMAIL_HEAD}{GMAIL_QUOTE}<div>OLD words</div></blockquote></div>',
    "gmail old": f'<div>It works.</div><div class="gmail_extra"><br><div class="gmail_quote">On 3 March 2026 at 09:05, {WHO} wrote:<br>'
    f"{GMAIL_QUOTE}OLD words</blockquote></div></div>",
    "gmail signature": '<div dir="ltr">It works.<div><br></div></div><div class="gmail_signature">-- <br>Ann</div><br>'
    f'<div class="gmail_quote">{GMAIL_HEAD}{GMAIL_QUOTE}OLD words</blockquote></div>',
    "thunderbird": '<p>It works.</p><div class="moz-cite-prefix">Le 03/03/2026 à 09:05, Sam a écrit&nbsp;:<br></div>'
    '<blockquote type="cite" cite="mid:a@b"><p>OLD words</p></blockquote>',
    "thunderbird unknown language": '<p>It works.</p><div class="moz-cite-prefix">3.3.2026 9:05 keltezéssel, Sam valamit:<br></div>'
    '<blockquote type="cite"><p>OLD words</p></blockquote>',
    "apple": f'<div>It works.</div><div><br><blockquote type="cite"><div>On 3 Mar 2026, at 09:05, {WHO} wrote:</div><br><div>OLD words</div></blockquote></div>',
    "iphone": f'<div>It works.<br><br><div dir="ltr">Sent from my iPhone</div><div dir="ltr"><br><blockquote type="cite">On 3 Mar 2026, at 09:05, {WHO} wrote:'
    '<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">OLD words</div></blockquote></div>',
    "outlook": f'<p class="MsoNormal">It works.</p><p class="MsoNormal">&nbsp;</p><div>{OUTLOOK_RULE}<p class="MsoNormal">{BLOCK}</p></div></div>'
    '<p class="MsoNormal">&nbsp;</p><p class="MsoNormal">OLD words</p>',
    "outlook french": f"<div><p>It works.</p>{OUTLOOK_RULE}<p>{BLOCK_FR}</p></div><p>OLD words</p></div>",
    "outlook unknown language": f"<p>It works.</p><div>{OUTLOOK_RULE}<p><b>Xyz:</b> {WHO}<br><b>Uvw:</b> 3.3.2026</p></div></div><p>OLD words</p>",
    "outlook web": f'<div>It works.</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg" dir="ltr">'
    f"<font>{BLOCK}</font><div>&nbsp;</div></div><div>OLD words</div>",
    "outlook ios": '<div>It works.</div><div id="ms-outlook-mobile-signature">Get <a href="https://aka.example/o">Outlook for iOS</a></div><hr>'
    f'<div id="divRplyFwdMsg"><font>{BLOCK}</font></div><div>OLD words</div>',
    "outlook mobile message": f'<div>It works.</div><div class="ms-outlook-mobile-reference-message"><hr>{BLOCK}<br><br>OLD words</div>',
    "outlook rule and block": f"<div>It works.</div><hr><div>{BLOCK}</div><div>OLD words</div>",
    "yahoo": '<div>It works.</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>Le mardi 3 mars 2026 à 09:05:11 UTC+1, Sam &lt;desk@house.example&gt; a écrit :'
    "</div><div><br></div><div>OLD words</div></div>",
    "proton": f'<div>It works.</div><div class="protonmail_quote">On Tuesday, March 3rd, 2026 at 9:05 AM, {WHO} wrote:<br>'
    '<blockquote class="protonmail_quote" type="cite">OLD words</blockquote></div>',
    "zimbra": '<div>It works.</div><hr id="zwchr"><div><b>De: </b>"Sam" &lt;desk@house.example&gt;<br><b>À: </b>ann<br><b>Envoyé: </b>Mardi 3 Mars 2026<br>'
    "<b>Objet: </b>x</div><div>OLD words</div>",
    "gmx": '<div>It works.</div><div name="quote" style="margin:10px 5px 5px 10px;border-left:2px solid #C3D9E5"><div style="margin:0 0 10px 0">'
    "<b>Gesendet:</b>&nbsp;Dienstag, 03. März 2026 um 09:05 Uhr<br><b>Von:</b>&nbsp;Sam<br><b>An:</b>&nbsp;ann<br><b>Betreff:</b>&nbsp;x</div>OLD words</div>",
    "notes": "<font>It works.</font><br><br><br><font>From:&nbsp;&nbsp;Sam Desk/House</font><br><font>To:&nbsp;Ann/Acme</font><br>"
    "<font>Date:&nbsp;03/03/2026 09:05</font><br><font>Subject:&nbsp;x</font><br><hr noshade><br>OLD words",
    "plain paragraphs": f"<p>It works.</p><p>On Tue, Mar 3, 2026 at 9:05 AM {WHO} wrote:</p><blockquote>OLD words</blockquote>",
    "a table layout": f"<table><tr><td><p>It works.</p>{OUTLOOK_RULE}<p>{BLOCK}</p></div><p>OLD words</p></td></tr><tr><td>OLD footer</td></tr></table>",
}


def answer_in(html: str, *, text: str = "", subject: str = "Re: printer", answers: bool = True) -> Mail:
    """A mail of this HTML, alone or beside a text."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@acme.example", "desk@house.example", subject
    if answers:
        message["In-Reply-To"] = "<1@house.example>"
    if text:
        message.set_content(text)
        message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    return parse(message.as_bytes())


def without_folds(html: str) -> str:
    """The page as it is when every fold is open: a stack tells the folds' ends from those of the mail's own elements."""
    out, stack, end = [], [], 0
    for tag in TAG.finditer(html):
        out.append(html[end : tag.start()])
        end = tag.end()
        closing, name, _ = tag.groups()
        ours = tag.group() == FOLD if not closing else stack.pop()[1]
        if not closing and name not in VOID:
            stack.append((name, ours))
        if not ours:
            out.append(tag.group())
    assert not stack
    return "".join(out) + html[end:]


def outside_folds(html: str) -> str:
    """The words that show while every fold is shut."""
    shown, stack, end = [], [], 0
    for tag in TAG.finditer(html):
        if True not in stack:
            shown.append(html[end : tag.start()])
        end = tag.end()
        if tag.group(1):
            stack.pop()
        elif tag.group(2) not in VOID:
            stack.append(tag.group() == FOLD)
    return " ".join([*shown, html[end:]])


@pytest.mark.parametrize("name", CLIENTS)
def test_new_and_quoted(name: str) -> None:
    """The words of the answer are the new text, the old ones the quoted text, and only those stand in folds of the page."""
    mail = answer_in(CLIENTS[name])
    assert mail.new_text == "It works."
    assert "OLD words" in mail.quoted_text
    assert FOLD in mail.html
    assert "It works." in outside_folds(mail.html)
    assert "OLD" not in outside_folds(mail.html)
    assert without_folds(mail.html) == sanitise(CLIENTS[name])


@pytest.mark.parametrize("name", CLIENTS)
def test_beside_a_text_without_marks(name: str) -> None:
    """Where the text version quotes nothing that could be told, it is cut where the HTML is."""
    whole = page_of(sanitise(CLIENTS[name]) or "").lines
    text = "\n".join(line.lstrip("> ").replace("Sam", "S a m") for line in whole)
    mail = answer_in(CLIENTS[name], text=text)
    assert mail.new_text.splitlines()[0] == "It works."
    assert "OLD" not in outside_folds(mail.html)


def test_answers_between_quotations() -> None:
    """Gmail: answers between pieces of the quotation stay new, with the questions above them; only the header is folded."""
    html = f'<div class="gmail_quote">{GMAIL_HEAD}{GMAIL_QUOTE}Is it on?</blockquote><div>Yes.</div>{GMAIL_QUOTE}Is it red?</blockquote><div>No.</div></div>'
    mail = answer_in(html)
    assert mail.new_text == "> Is it on?\n\nYes.\n\n> Is it red?\n\nNo."
    assert mail.quoted_text.startswith("On Tue, Mar 3, 2026")
    assert all(words in outside_folds(mail.html) for words in ("Is it on?", "Yes.", "Is it red?", "No."))


def test_thunderbird_below() -> None:
    """An answer below the whole quotation: the quotation is folded, the answer is not."""
    mail = answer_in(
        '<div class="moz-cite-prefix">Am 03.03.26 um 09:05 schrieb Sam:<br></div><blockquote type="cite">OLD words</blockquote><p>It works.</p>'
    )
    assert mail.new_text == "It works."
    assert outside_folds(mail.html).split() == ["It", "works."]


FIRST = {
    "an indent": '<p>Please order:</p><blockquote style="margin:0 0 0 40px;border:none;padding:0px">12 lamps</blockquote>',
    "a citation at the end": "<p>The law says:</p><blockquote>Nobody may.</blockquote>",
    "a rule": "<p>One.</p><hr><p>Two.</p>",
    "a line of their own": '<div style="border-top:solid #123456 1pt"><p>Offer</p></div><p>12 lamps</p>',
    "header words": "<p>Our form:</p><p>From: Paris<br>To: Lyon<br>Date: today<br>Subject: transport</p><p>It fails.</p>",
}


@pytest.mark.parametrize("name", FIRST)
def test_first_mails_have_no_folds(name: str) -> None:
    """A mail that answers nothing shows all it says."""
    mail = answer_in(FIRST[name], subject="An order", answers=False)
    assert FOLD not in mail.html
    assert mail.quoted_text == ""


@pytest.mark.parametrize("subject", ["Fwd: printer", "TR : imprimante", "printer"])
def test_forwards_have_no_folds(subject: str) -> None:
    """What is forwarded is the point of the mail, whoever drew it and whatever the subject says."""
    forward = f'<p>See below.</p><div id="divRplyFwdMsg"><font>{BLOCK}</font></div><div>OLD words</div>'.replace("desk@house", "jo@acme")
    mail = answer_in(forward, subject=subject, answers=False)
    assert FOLD not in mail.html
    assert "OLD words" in mail.new_text
    assert mail.forwarded is not None
    assert mail.forwarded.from_ is not None
    assert mail.forwarded.from_.address == "jo@acme.example"


def test_an_answer_that_only_its_recipient_tells() -> None:
    """No `Re:`, no In-Reply-To: what is quoted was written by the recipient of this mail, so this answers it."""
    mail = answer_in(CLIENTS["outlook web"], subject="another subject", answers=False)
    assert mail.new_text == "It works."
    assert "OLD" not in outside_folds(mail.html)
    assert mail.forwarded is None


def test_gmail_forward() -> None:
    """Gmail puts a forward into the element it uses for quotations: the words decide."""
    html = (
        '<div dir="ltr">See below.<br><br><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message ---------<br>From: <b>Sam</b> '
        "&lt;desk@house.example&gt;<br>Date: Tue<br>Subject: printer<br>To: Ann</div><br>OLD words</div></div>"
    )
    mail = answer_in(html, subject="a printer", answers=False)
    assert FOLD not in mail.html
    assert "OLD words" in mail.new_text
    assert mail.forwarded is not None
    assert mail.forwarded.subject == "printer"
    assert mail.forwarded.text == "OLD words"


def test_foreign_folds_are_none() -> None:
    """A mail cannot hide its words in a fold of ours."""
    mail = answer_in('<div class="guichet-quote">pay here</div><p>Hello</p>', answers=False, subject="x")
    assert "guichet-quote" not in mail.html


def test_folds_do_not_change_the_content_key() -> None:
    """The same page is the same mail, whether it was an answer when it was read or not (decisions.md 8)."""
    assert answer_in(CLIENTS["gmail"]).content_key == answer_in(CLIENTS["gmail"], answers=False).content_key


PIECES = st.sampled_from(
    [
        "<div>",
        "</div>",
        "<p>",
        "</p>",
        "<table>",
        "<tr>",
        "<td>",
        "</table>",
        "<blockquote>",
        "</blockquote>",
        "<br>",
        "word ",
        "<span>",
        "</span>",
        "<hr>",
        "<ul><li>",
    ]
)


@given(st.lists(PIECES, max_size=30), st.integers(0, 2**31))
def test_folds_keep_the_tree(pieces: list[str], seed: int) -> None:
    """Whatever leaves are folded: the page stays balanced and without its folds is what it was."""
    html = sanitise("".join(pieces)) or ""
    count = page_of(html).count
    marks = [(seed >> (n % 30)) & 3 for n in range(count)]
    again = folded(html, marks)
    assert without_folds(again) == html
    assert sanitise(without_folds(again)) == html
    assert folded(html, [NEW] * count) == html
    assert html == "" or re.sub(r"<[^>]*>", "", folded(html, [QUOTED] * count)) == re.sub(r"<[^>]*>", "", html)


@pytest.mark.parametrize(
    "unit", ["<blockquote>x", '<div class="gmail_quote">x', "<p>On x wrote:</p>", '<div name="quote">x</div>', "<div>x</div>", "<hr>", f"{BLOCK}<br>"]
)
def test_time_grows_with_length_only(unit: str) -> None:
    """Four times the page costs no more than about four times the time."""

    def cost(times: int) -> float:
        html = unit * times
        began = time.process_time()
        answer_in(html)
        return time.process_time() - began

    few = 100_000 // len(unit)
    small = min(cost(few) for _ in range(2))
    assert min(cost(4 * few) for _ in range(2)) < 12 * small + 0.05
