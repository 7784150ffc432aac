"""One mail's HTML in a sandboxed frame, its embedded images, and a page around it; who may look is told by `frame_token.py`.

Whatever the sanitiser might have missed meets a policy under which nothing runs, nothing is sent, and nothing is loaded but images that were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from core.mail import Attachment
from gateway.inbound.attachments import Contents
from gateway.inbound.embedded import same_id
from gateway.inbound.judging import VIRUS
from gateway.inbound.remote import loading
from gateway.inbound.stored_html import shown
from gateway.store import attachments
from gateway.web.frame_look import FRAME_STYLE, PAGE_STYLE, Words, foldable, words_for
from gateway.web.frame_token import Permission, read

if TYPE_CHECKING:
    from gateway.bootstrap import House

RASTER = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
"""What is served as an image: never what could be a document (SVG, HTML)."""
LARGEST_IMAGE = 20_000_000
_NOTHING = "default-src 'none'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
_SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox"
"""Links open in a new tab; scripts, forms, top navigation and our own origin stay out of reach."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_CID = re.compile(r' src="cid:([^"]{1,2000})"', re.IGNORECASE)
_FRAME = frozenset({"", "iframe", "frame", "embed", "object"})
_IMAGE = frozenset({"", "image"})
_OVER = "This link is over or was never one of ours. Ask for a new one: guichet inbound link ID\n"


def frame_routes(house: House) -> list[Route]:
    """The frame, its images, and the page around it."""
    return [
        Route("/frame/{token}", lambda request: _served(house, request, _frame, _FRAME)),
        Route("/frame/{token}/page", lambda request: _served(house, request, _page, frozenset({"", "document"}))),
        Route("/frame/{token}/part/{number:int}", lambda request: _served(house, request, _part, _IMAGE)),
    ]


def policy(*, remote: bool = False) -> str:
    """The Content-Security-Policy of the frame."""
    images = "'self' https: http:" if remote else "'self'"
    return f"{_SANDBOX}; {_NOTHING}; style-src 'unsafe-inline'; img-src {images}"


def _served(house: House, request: Request, serve: Callable[[House, Request, Permission], Response], asked_as: frozenset[str]) -> Response:
    """Nothing without a good token, nothing for another use than it is meant for; every answer carries the strictest headers."""
    permission = read(house.keys, request.path_params["token"], house.clock.now())
    if permission is None:
        answer: Response = PlainTextResponse(_OVER, status_code=404)
    elif request.headers.get("sec-fetch-dest", "") not in asked_as:
        answer = PlainTextResponse("This is shown inside its page only; open the address that ends in /page.\n", status_code=403)
    else:
        answer = serve(house, request, permission)
    for name, value in {"Content-Security-Policy": f"{_SANDBOX}; {_NOTHING}", **_HEADERS}.items():
        answer.headers.setdefault(name, value)
    return answer


def _frame(house: House, request: Request, permission: Permission) -> Response:
    found = _shown(house, permission)
    if found is None:
        return PlainTextResponse("This message has no content that was read.\n", status_code=404)
    html = _with_images(loading(found.html) if permission.remote else found.html, found.attachments, request.path_params["token"])
    words = _words(request)
    body = foldable(html, words) or f"<p>{words.no_html} <code>guichet inbound show</code>.</p>"
    head = f'<meta charset="utf-8"><base target="_blank"><title>Mail</title><style>{FRAME_STYLE}</style>'
    document = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    return HTMLResponse(document, headers={"Content-Security-Policy": policy(remote=permission.remote)})


def _words(request: Request) -> Words:
    return words_for(request.headers.get("accept-language", ""))


def _with_images(html: str, found: tuple[Attachment, ...], token: str) -> str:
    """Embedded images by an address of ours; one that is not there, or is none, shows nothing."""
    places: Mapping[str, int] = {same_id(one.content_id): number for number, one in reversed(tuple(enumerate(found, 1))) if one.content_id}

    def place(written: re.Match[str]) -> str:
        number = places.get(same_id(written.group(1)))
        return f' src="/frame/{token}/part/{number}"' if number else ' alt="(image not found)"'

    return _CID.sub(place, html)


def _part(house: House, request: Request, permission: Permission) -> Response:
    """One embedded image: by its own first bytes an image, in a mail without a virus. Which types are handed out as files is no matter here."""
    number = request.path_params["number"]
    with house.database.read() as connection:
        found = attachments.listed(connection, permission.inbound_id)
        one = found[number - 1] if 1 <= number <= len(found) else None
        if one is None or one.sniffed not in RASTER or one.danger.startswith(VIRUS) or one.size > LARGEST_IMAGE:
            return PlainTextResponse("There is no such image.\n", status_code=404)
        content = Contents(lambda asked: attachments.piece(connection, permission.inbound_id, asked)).of(one)
    return Response(content, media_type=one.sniffed, headers={"Content-Disposition": "inline"})


def _page(house: House, request: Request, permission: Permission) -> Response:
    """A page of our own around the frame: no script, no foreign text."""
    token = request.path_params["token"]
    found = _shown(house, permission)
    words = _words(request)
    said = words.remote(found.remote if found is not None else 0, loaded=permission.remote)
    page = f"""<!doctype html>
<html lang="{words.language}"><head><meta charset="utf-8"><title>{words.title}</title>
<style>{PAGE_STYLE}</style></head>
<body>{f"<p>{said}</p>" if said else ""}
<iframe title="{words.frame}" src="/frame/{token}" sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer"></iframe>
</body></html>
"""
    return HTMLResponse(page, headers={"Content-Security-Policy": f"{_NOTHING}; style-src 'unsafe-inline'; frame-src 'self'"})


def _shown(house: House, permission: Permission) -> attachments.Shown | None:
    with house.database.read() as connection:
        return shown(connection, permission.inbound_id)
