"""How mail programs write an answer: the agent's words, and what they make of the mail that is answered; the mails are `tests/by_mail/make_mails.py`."""

from __future__ import annotations

import textwrap
from html import escape

from tests.by_mail.told import ADDRESS, SENDER, Notice

Bodies = tuple[str, str]
"""(text, HTML), '' for a part the program does not write."""

WHO = f"{SENDER} <{ADDRESS}>"
WHO_HTML = f'{escape(SENDER)} &lt;<a href="mailto:{ADDRESS}">{ADDRESS}</a>&gt;'
AGENT = "Ann Agent <ann@demo.example>"


def paragraphs(words: str, tag: str = "div", attributes: str = "") -> str:
    """Lines as elements, empty ones with a break in them."""
    return "\n".join(f"<{tag}{attributes}>{_inline(line) or '<br>'}</{tag}>" for line in words.split("\n"))


def _inline(line: str) -> str:
    return escape(line, quote=False).replace("**", "")


def cited(lines: list[str], width: int = 76, mark: str = "> ") -> str:
    """Lines as quoted ones, wrapped before they are marked."""
    out: list[str] = []
    for line in lines:
        out += textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    return "\n".join((mark + line).rstrip() for line in out)


def gmail(words: str, told: Notice, *, signature: str = "") -> Bodies:
    """Gmail in a browser and on Android."""
    french = told.language == "fr"
    header = (
        f"Le lun. 30 nov. 2026 à 09:12, {SENDER} <\n{ADDRESS}> a écrit :"
        if french
        else f"On Mon, Nov 30, 2026 at 9:12 AM {SENDER} <\n{ADDRESS}> wrote:"
    )
    shown = f"Le lun. 30 nov. 2026 à 09:12, {WHO_HTML} a écrit :" if french else f"On Mon, Nov 30, 2026 at 9:12 AM {WHO_HTML} wrote:"
    below = f"\n\n-- \n{signature}" if signature else ""
    text = f"{words}{below}\n\n{header}\n\n{cited(told.lines)}\n"
    sign = (
        f'<br clear="all"><div><br></div><span class="gmail_signature_prefix">-- </span><br><div dir="ltr" class="gmail_signature">{paragraphs(signature)}</div>'
        if signature
        else ""
    )
    html = (
        f'<div dir="ltr">{paragraphs(words)}{sign}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{shown}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"><u></u>{told.body}</blockquote></div>'
    )
    return text, html


def _labels(told: Notice) -> list[tuple[str, str]]:
    names = ("De :", "Envoyé :", "À :", "Objet :") if told.language == "fr" else ("From:", "Sent:", "To:", "Subject:")
    when = "lundi 30 novembre 2026 09:12" if told.language == "fr" else "Monday, November 30, 2026 9:12 AM"
    return list(zip(names, (WHO, when, AGENT, told.subject), strict=True))


def _block(told: Notice) -> str:
    return "\n".join(f"{name} {value}" for name, value in _labels(told))


def _block_html(told: Notice) -> str:
    return "<br>\n".join(f"<b>{escape(name)}</b> {escape(value)}" for name, value in _labels(told))


def _word_html(told: Notice) -> str:
    return told.body.replace("<p style=", "<p class=MsoNormal style=").replace("<div style=", "<div style=")


def outlook(words: str, told: Notice, *, signature: str = "", text_too: bool = True) -> Bodies:
    """Outlook for Windows (Word's HTML)."""
    below = f"\n\n{signature}" if signature else ""
    doubled = (words + below).replace("\n", "\n\n")
    text = f"{doubled}\n\n\n{_block(told)}\n\n" + "\n\n".join(line for line in told.lines if line.strip())
    rows = "\n".join(
        f"<p class=MsoNormal><span lang=EN-GB style='font-size:11.0pt;font-family:\"Calibri\",sans-serif'>{_inline(line) or '&nbsp;'}<o:p></o:p></span></p>"
        for line in (words + below).split("\n")
    )
    html = (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40"><head><meta name=Generator content="Microsoft Word 15 '
        '(filtered medium)"><style><!-- p.MsoNormal {margin:0cm;font-size:11.0pt;} --></style></head><body lang=EN-GB link="#0563C1" vlink="#954F72">'
        f"<div class=WordSection1>{rows}<p class=MsoNormal><o:p>&nbsp;</o:p></p>"
        "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p class=MsoNormal><span lang=EN-US>{_block_html(told)}<o:p></o:p></span></p></div></div><p class=MsoNormal><o:p>&nbsp;</o:p></p>"
        f"{_word_html(told)}</div></body></html>"
    )
    return (text if text_too else ""), html


def outlook_web(words: str, told: Notice, *, signature: str = "", text_too: bool = False, link: str = "") -> Bodies:
    """Outlook in a browser, on a phone (`link`: the line it adds) and the new one for Windows."""
    below = f'<div id="ms-outlook-mobile-signature"><div></div><div>{link}</div></div>' if link else ""
    sign = f'<div class="elementToProof">{paragraphs(signature)}</div>' if signature else ""
    html = (
        '<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style type="text/css" style="display:none;">P {margin-top:0;}</style></head>'
        f'<body dir="ltr"><div style="font-family: Aptos, Calibri, sans-serif; font-size: 12pt; color: rgb(0, 0, 0);" class="elementToProof">{paragraphs(words)}</div>'
        f'{sign}{below}<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr">'
        f'<font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">{_block_html(told)}</font><div>&nbsp;</div></div>'
        f'<div class="BodyFragment">{told.body}</div></body></html>'
    )
    rule = "_" * 32
    text = f"{words}\n\n{signature}\n{rule}\n{_block(told)}\n\n" + "\n".join(told.lines)
    return (text if text_too else ""), html


def apple(words: str, told: Notice, *, html_only: bool = False, phone: str = "") -> Bodies:
    """Apple Mail; on an iPhone (`phone`: the line it adds) often HTML alone."""
    french = told.language == "fr"
    header = f"Le 30 nov. 2026 à 09:12, {WHO} a écrit :" if french else f"On 30 Nov 2026, at 09:12, {WHO} wrote:"
    text = f"{words}\n\n{phone}\n\n> {header}\n> \n{cited(told.lines)}\n"
    html = (
        f'<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">{paragraphs(words)}'
        f'<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{phone}</div><div dir="ltr"><br><blockquote type="cite">{escape(header)}<br><br></blockquote></div>'
        f'<blockquote type="cite"><div dir="ltr">﻿{told.body}</div></blockquote></body></html>'
    )
    return ("" if html_only else text), html


def thunderbird(words: str, told: Notice, *, below: bool = True, html: bool = False, signature: str = "") -> Bodies:
    """Thunderbird: below the quotation unless said otherwise."""
    header = f"Le 30/11/2026 à 09:12, {SENDER} a écrit :" if told.language == "fr" else f"On 30/11/2026 09:12, {SENDER} wrote:"
    quote = f"{header}\n{cited(told.lines, 72)}"
    sign = f"\n\n-- \n{signature}" if signature else ""
    text = f"{quote}\n\n{words}{sign}\n" if below else f"{words}{sign}\n\n{quote}\n"
    cite = f'<div class="moz-cite-prefix">{escape(header)}<br></div><blockquote type="cite" cite="mid:x@demo.example">{told.body}</blockquote>'
    signed = f'<div class="moz-signature">-- <br>{escape(signature)}</div>' if signature else ""
    own = f"<p>{_inline(words)}</p>".replace("\n\n", "</p><p>").replace("\n", "<br>") + signed
    return text, f"<!DOCTYPE html><html><head></head><body>{cite + own if below else own + cite}</body></html>" if html else ""


def between(answers: dict[str, str], told: Notice, header: str, *, only: bool = False) -> str:
    """Answers set below the quoted lines that begin so; `only`: the other lines were deleted."""
    out = [header]
    for line in told.lines:
        answer = next((words for begin, words in answers.items() if line.startswith(begin)), "")
        if answer or not only:
            out.append(f"> {line}".rstrip())
        if answer:
            out += ["", answer, ""]
    return "\n".join(out)


def samsung(words: str, told: Notice) -> Bodies:
    """Samsung's mail program: HTML, the quotation below a line between dashes, nothing marked as quoted."""
    french = told.language == "fr"
    rows = "".join(f"<div>{escape(f'{name} {value}')} </div>" for name, value in _labels(told))
    line = "Envoyé depuis mon appareil Galaxy" if french else "Sent from my Galaxy"
    rule = "-------- Message d'origine --------" if french else "-------- Original message --------"
    html = (
        f'<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body>{paragraphs(words, attributes=" dir=auto")}'
        f'<div dir="auto"><br></div><div id="composer_signature" dir="auto"><div style="font-size:12px;color:#575757" dir="auto">{line}</div></div>'
        f'<div dir="auto"><br></div><div><br></div><div align="left" dir="auto" style="font-size:100%;color:#000000">'
        f"<div>{rule}</div>{rows}<div><br></div></div>{told.body}</body></html>"
    )
    return "", html


def k9(words: str, told: Notice) -> Bodies:
    """K-9 and Thunderbird on Android."""
    line = "Sent from my Android device with K-9 Mail. Please excuse my brevity."
    return f"{words}\n-- \n{line}\n\nOn November 30, 2026 9:12:00 AM GMT+01:00, {SENDER} <{ADDRESS}> wrote:\n{cited(told.lines, 200, '>')}\n", ""


def yahoo(words: str, told: Notice) -> Bodies:
    """Yahoo: nothing is marked in its text, a division of its own in its HTML."""
    header = f"On Monday, 30 November 2026 at 09:12:00 GMT+1, {SENDER} <{ADDRESS}> wrote:"
    text = f" {words}\n    {header}  \n \n " + "\n ".join(told.lines)
    html = (
        f'<html><head></head><body><div class="ydp1yahoo-style-wrap" style="font-size:16px;"><div></div>{paragraphs(words, attributes=" dir=ltr")}<div><br></div></div>'
        f'<div id="ydp2yahoo_quoted" class="yahoo_quoted"><div style="font-size:13px;color:#26282a;"><div>{escape(header)}</div><div><br></div><div><br></div>'
        f"<div>{told.body}</div></div></div></body></html>"
    )
    return text, html


def proton(words: str, told: Notice) -> Bodies:
    """Proton."""
    header = f"On Monday, 30 November 2026 at 09:12, {SENDER} <{ADDRESS}> wrote:"
    line = "Sent with Proton Mail secure email."
    text = f"{words}\n\n\n{line}\n\n{header}\n\n{cited(told.lines, 998)}\n"
    html = (
        f'<div style="font-family: Arial, sans-serif; font-size: 14px;">{paragraphs(words)}</div><div class="protonmail_signature_block"><div>'
        f'{line}</div></div><div class="protonmail_quote">{escape(header)}<br><br><blockquote class="protonmail_quote" type="cite">{told.body}</blockquote><br></div>'
    )
    return text, html


def zoho(words: str, told: Notice) -> Bodies:
    """Zoho."""
    html = (
        f'<div style="font-family: Verdana, Arial, Helvetica, sans-serif; font-size: 10pt;">{paragraphs(words)}<div><br></div>'
        f'<div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- On Mon, 30 Nov 2026 09:12:00 +0100 <b>{WHO_HTML}</b> wrote ---<br></div><div><br></div>'
        f'<blockquote id="blockquote_zmail" style="margin: 0px;"><div>{told.body}</div></blockquote></div></div>'
    )
    text = f"{words}\n\n\n\n---- On Mon, 30 Nov 2026 09:12:00 +0100 {WHO} wrote ----\n\n" + "\n".join(told.lines)
    return text, html


def mutt(words: str, told: Notice, *, signature: str = "") -> Bodies:
    """Mutt, answered on top."""
    sign = f"\n\n-- \n{signature}" if signature else ""
    return f"{words}\n\nOn Mon, Nov 30, 2026 at 09:12:00AM +0100, {SENDER} wrote:\n{cited(told.lines, 998)}{sign}\n", ""


def notes(words: str, told: Notice) -> Bodies:
    """HCL Notes: a block of header lines, nothing marked."""
    block = f'From:\t"{SENDER}" <{ADDRESS}>\nTo:\t"Ann Agent" <ann@demo.example>\nDate:\t30/11/2026 09:12\nSubject:\t{told.subject}'
    return f"{words}\n\n\n\n\n{block}\n\n\n\n" + "\n".join(told.lines), ""
