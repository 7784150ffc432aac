"""The two pages behind a link in a mail: one that asks, one that says what was done; what links do is `gateway/desk_links.py`.

Mail scanners and browsers open links unasked, so GET and HEAD change nothing but the audit list. A POST acts only with the field that this page hides in its
form and the value of its button, and never from another site. That a scanner presses buttons cannot be ruled out; it can be taken back.
"""

from __future__ import annotations

import base64
import functools
import logging
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.link_page import Page, no_button, unknown

if TYPE_CHECKING:
    from jinja2 import Environment

    from gateway.bootstrap import House

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "web"
LONGEST_TOKEN = 100
LONGEST_BODY = 64 * 1024
MOST_FIELDS = 20
PURPOSE = "mail-link"
ONE_CLICK = ("List-Unsubscribe", "One-Click")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_OWN_SITE = frozenset({"", "same-origin"})
"""What a browser says of the button of our own page; `none` is an address that was typed, which is never a POST."""

log = logging.getLogger("guichet.web")


def link_routes(house: House) -> list[Route]:
    """`/m/{token}`: GET asks, POST does."""

    async def answer(request: Request) -> Response:
        token = request.path_params["token"]
        if len(token) > LONGEST_TOKEN:
            house.link_desk.forged.came()
            return _shown(house, unknown(request.headers.get("accept-language", "")), "")
        if request.method != "POST":
            return await run_in_threadpool(_look, house, request, token)
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too long\n", status_code=413, headers=_HEADERS)
        return await run_in_threadpool(_post, house, request, token, _fields(request.headers.get("content-type", ""), body))

    return [Route("/m/{token}", answer, methods=["GET", "POST"])]


def _look(house: House, request: Request, token: str) -> Response:
    return _shown(house, house.link_desk.look(token, accepted=request.headers.get("accept-language", "")), token)


def _post(house: House, request: Request, token: str, fields: dict[str, str]) -> Response:
    accepted = request.headers.get("accept-language", "")
    if fields.get(ONE_CLICK[0]) == ONE_CLICK[1]:
        done = house.link_desk.unsubscribe(token)
        if not done:
            house.link_desk.not_pressed(token)
        return PlainTextResponse("done\n" if done else "this is no address to unsubscribe at\n", status_code=200 if done else 404, headers=_HEADERS)
    if not house.link_desk.verified(token):
        return _shown(house, unknown(accepted), "")
    if not (_is_ours(house, request, token, fields) and fields.get("do")):
        house.link_desk.not_pressed(token)
        log.info("link_without_button", extra={"site": request.headers.get("sec-fetch-site", "")})
        return _shown(house, no_button(accepted), "")
    return _shown(house, house.link_desk.confirm(token, fields["do"], note=fields.get("note", ""), accepted=accepted), token, done=True)


def _is_ours(house: House, request: Request, token: str, fields: dict[str, str]) -> bool:
    """Whether it comes from the form of this very link. Under our own Referrer-Policy browsers say `Origin: null`, so that header tells nothing."""
    if request.headers.get("sec-fetch-site", "") not in _OWN_SITE:
        return False
    return house.keys.verify(PURPOSE, f"form {token}", fields.get("form", ""))


# ---------------------------------------------------------------- reading


async def _body(request: Request) -> bytes | None:
    """All of it, None where it is too long."""
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > LONGEST_BODY:
            return None
    return read


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form in either encoding (RFC 8058 section 3.1 prefers multipart/form-data); what is neither has none."""
    if content_type.lower().startswith("multipart/form-data"):
        if b"multipart/" in body.lower():  # no form holds forms; a thousand within each other cost a second
            return {}
        parsed = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\n", b" ") + b"\r\n\r\n" + body)
        parts = parsed.get_payload() if parsed.is_multipart() else []
        found: dict[str, str] = {}
        for part in list(parts)[:MOST_FIELDS]:
            content = part.get_payload(decode=True) if not isinstance(part, str) else b""
            name = part.get_param("name", "", "content-disposition") if not isinstance(part, str) else ""
            if isinstance(content, bytes) and isinstance(name, str):
                found.setdefault(name, content.decode("utf-8", "replace").strip("\r\n"))
        return found
    try:
        listed = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in listed.items()}


# ---------------------------------------------------------------- showing


def _shown(house: House, page: Page, token: str, *, done: bool = False) -> Response:
    """The page: asking while there is something to press, else saying how it is."""
    asks = page.buttons and (not done or page.status != 200 or bool(page.note))
    proof = house.keys.sign(PURPOSE, f"form {token}") if page.buttons else ""
    html = _templates().get_template("link.html" if asks else "done.html").render(page=page, proof=proof, style=_style()[0], desk=_desk(house, page))
    return HTMLResponse(html, status_code=page.status, headers={**_HEADERS, "Content-Security-Policy": policy(), "Content-Language": page.language})


def _desk(house: House, page: Page) -> str:
    """Whose page it is; a token that is none of ours learns nothing."""
    return "Guichet" if page.status == 404 else house.setup().name


def policy() -> str:
    """The Content-Security-Policy: no script, nothing loaded, our own style by its hash, the form to ourselves, never in a frame."""
    return (
        f"default-src 'none'; script-src 'none'; style-src 'sha256-{_style()[1]}'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; sandbox allow-forms allow-same-origin"
    )


@functools.cache
def _style() -> tuple[str, str]:
    """The style and its hash."""
    style = (TEMPLATES / "style.css").read_text("utf-8")
    return style, base64.b64encode(sha256(style.encode()).digest()).decode()


@functools.cache
def _templates() -> Environment:
    """Everything that is shown is escaped, and a name that is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    made.filters["as_is"] = Markup
    return made
