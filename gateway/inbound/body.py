"""Which parts are the mail's text, which its HTML, which its attachments (RFC 8621 section 4.1.4), and the text of those that are text."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.inbound.budget import Budget
from gateway.inbound.charset import decode_text
from gateway.inbound.embedded import located
from gateway.inbound.flowed import is_delsp, is_flowed, unflowed
from gateway.inbound.plain import Page, page_of, stripped, text_of
from gateway.inbound.sanitise import sanitise
from gateway.inbound.structure import Part, Tree
from gateway.inbound.transfer import decode_text_octets

_MEDIA = ("image/", "audio/", "video/")
_TEXTS = ("text/plain", "text/html")


@dataclass(slots=True)
class Choice:
    """The leaves by their use; a part can be text and HTML both, and media inside the text is an attachment too."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """What the text parts say, with sentences about doubtful (`defects`) and cut (`excess`) parts; `oversized` parts become attachments too."""

    text: str = ""
    html: str = ""
    page: Page | None = None
    """The lines of the HTML, where the text is what the HTML says."""
    defects: list[str] = field(default_factory=list)
    excess: list[str] = field(default_factory=list)
    oversized: list[Part] = field(default_factory=list)


def choose(tree: Tree) -> Choice:
    """Sort the leaves of the tree into text, HTML and attachments."""
    choice = Choice()
    _walk([tree.root], "mixed", choice, choice.text, choice.html, alternative=False)
    choice.attachments.sort(key=lambda part: part.start)
    return choice


def _walk(parts: list[Part], kind: str, choice: Choice, text: list[Part] | None, html: list[Part] | None, *, alternative: bool) -> None:
    """RFC 8621's parseStructure. `text` or `html` is None where an alternative has shown that the other form is meant here."""
    texts, htmls = len(text) if text is not None else -1, len(html) if html is not None else -1
    for position, part in enumerate(parts):
        if part.children:
            below = part.content_type.partition("/")[2]
            _walk(part.children, below, choice, text, html, alternative=alternative or below == "alternative")
        elif not _is_inline(part, position, kind):
            choice.attachments.append(part)
        elif kind == "alternative":
            _alternative(part, choice, text, html)
        else:
            if alternative:
                html = None if part.content_type == "text/plain" else html
                text = None if part.content_type == "text/html" else text
            _inline(part, choice, text, html)
    if kind == "alternative" and text is not None and html is not None:
        if len(text) == texts and len(html) != htmls:
            text.extend(html[htmls:])
        elif len(html) == htmls and len(text) != texts:
            html.extend(text[texts:])


def _is_inline(part: Part, position: int, kind: str) -> bool:
    """Part of the text rather than an attachment to it."""
    if part.disposition == "attachment":
        return False
    media = part.content_type.startswith(_MEDIA)
    if not media and part.content_type not in _TEXTS:
        return False
    named = {"filename", "filename*"} & part.disposition_parameters.keys() or {"name", "name*"} & part.parameters.keys()
    return position == 0 or (kind != "related" and (media or not named))


def _alternative(part: Part, choice: Choice, text: list[Part] | None, html: list[Part] | None) -> None:
    if part.content_type == "text/plain" and text is not None:
        text.append(part)
    elif part.content_type == "text/html" and html is not None:
        html.append(part)
    elif part.content_type not in _TEXTS:
        choice.attachments.append(part)


def _inline(part: Part, choice: Choice, text: list[Part] | None, html: list[Part] | None) -> None:
    if part.content_type not in _TEXTS:
        choice.attachments.append(part)
        return
    if text is not None:
        text.append(part)
    if html is not None:
        html.append(part)


def read_bodies(raw: bytes, choice: Choice, budget: Budget) -> Reading:
    """The text and the safe HTML of the chosen parts, within the budget."""
    reading = Reading()
    room = budget.text_bytes
    decoded: dict[int, str] = {}
    texts = {part.start for part in choice.text}
    for part in [*choice.text, *(part for part in choice.html if part.start not in texts)]:
        data = _octets(raw, part, room, reading)
        room = max(0, room - len(data))
        decoded[part.start], doubt = decode_text(data, _charset(part), html=part.content_type == "text/html")
        if is_flowed(part):
            decoded[part.start] = unflowed(decoded[part.start], delsp=is_delsp(part))
        if doubt and doubt not in reading.defects:
            reading.defects.append(doubt)
    return _assembled(choice, decoded, budget, reading)


def _octets(raw: bytes, part: Part, room: int, reading: Reading) -> bytes:
    most = room * 4 // 3 if part.encoding == "base64" else room
    if part.end - part.body > most:
        reading.excess.append("The text is longer than what is read; the rest of it stays in the raw mail and is attached.")
        reading.oversized.append(part)
    return decode_text_octets(raw[part.body : min(part.end, part.body + most)], part.encoding)


def _charset(part: Part) -> str:
    return part.parameters.get("charset") or part.parameters.get("charset*") or ""


def _assembled(choice: Choice, decoded: dict[int, str], budget: Budget, reading: Reading) -> Reading:
    safe: dict[int, str | None] = {}
    has_html = any(part.content_type == "text/html" for part in choice.html)
    if has_html:
        for part in choice.html:
            if part.content_type == "text/html":
                safe[part.start] = _safe(located(decoded[part.start], choice.attachments), part, budget, reading)
        pieces = [_as_html(part, decoded, safe) for part in choice.html]
        reading.html = "\n".join(piece for piece in pieces if piece)
    if has_html and not reading.excess and _is_text(choice, decoded):
        reading.page = page_of(reading.html)
        reading.text = reading.page.text
        return reading
    texts = [_as_text(part, decoded, safe, budget) for part in choice.text]
    reading.text = "\n".join(text.strip("\n") if len(texts) > 1 else text for text in texts)
    return reading


def _is_text(choice: Choice, decoded: dict[int, str]) -> bool:
    """Whether what the HTML says is the text: there is no other, or an empty one."""
    starts = {part.start for part in choice.html}
    return all(part.start in starts or not decoded[part.start].strip() for part in choice.text) and all(
        part.content_type == "text/html" for part in choice.html
    )


def _safe(html: str, part: Part, budget: Budget, reading: Reading) -> str | None:
    if len(html) > budget.html_chars:
        html = html[: budget.html_chars]
        reading.excess.append(f"The HTML is longer than {budget.html_chars} characters; the rest of it is attached.")
        if part not in reading.oversized:
            reading.oversized.append(part)
    safe = sanitise(html)
    if safe is None:
        reading.excess.append("The HTML is built in a way that is not shown; its text is.")
        reading.oversized.append(part)
    return safe


def _as_html(part: Part, decoded: dict[int, str], safe: dict[int, str | None]) -> str:
    if part.content_type == "text/html":
        return safe[part.start] or ""
    text = decoded[part.start].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<pre>{text}</pre>" if text.strip() else ""


def _as_text(part: Part, decoded: dict[int, str], safe: dict[int, str | None], budget: Budget) -> str:
    if part.content_type != "text/html":
        return decoded[part.start]
    html = safe[part.start] if part.start in safe else sanitise(decoded[part.start][: budget.html_chars])
    return text_of(html) if html is not None else stripped(decoded[part.start][: budget.html_chars])
