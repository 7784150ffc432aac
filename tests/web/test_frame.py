"""A hostile mail seen in a browser: nothing runs, nothing is fetched, nothing leaves, unless a person asks for remote images."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from gateway.clock import FakeClock
from gateway.inbound.parse import parse
from gateway.keys import Keys
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.inbounds import more_of
from gateway.web.app import WebDoor, make_app
from gateway.web.frame_token import Permission, issue, read
from tests.conftest import make_schema, missing

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@dataclass
class Sink:
    """A server somewhere out there that writes down what it is asked."""

    port: int
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """Answers every question with an image."""
    kept = Sink(0)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(PIXEL)))
            self.end_headers()
            self.wfile.write(PIXEL)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    kept.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


@dataclass
class SmallHouse:
    """As much of a House as the web server asks for."""

    database: Database
    clock: FakeClock
    keys: Keys
    settings: Settings = field(default_factory=lambda: Settings(web={"port": 0}))

    def store(self, name: str, raw: bytes, html: str | None = None, danger: str = "") -> None:
        """A message that was read; `html` stands for what a sanitiser with a hole would have let through."""
        mail = parse(raw)
        with self.database.durable() as connection:
            connection.execute(
                schema.inbound.insert().values(id=name, state="done", door="smtp", received_at=self.clock.now(), envelope_to=[], size=len(raw))
            )
            connection.execute(schema.raw_mail.insert().values(id=name, bytes=raw))
            connection.execute(
                schema.inbound_body.insert().values(
                    inbound_id=name,
                    new_text=mail.new_text,
                    quoted_text="",
                    html=mail.html if html is None else html,
                    attachments=[asdict(replace(one, danger=danger)) for one in mail.attachments],
                    people={},
                    defects=[],
                    more=more_of(mail),
                )
            )

    def token(self, name: str, *, remote: bool = False, minutes: int = 30) -> str:
        return issue(self.keys, Permission(name, remote, self.clock.now() + timedelta(minutes=minutes)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHouse]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('frame')}/guichet.db")
    make_schema(database)
    yield SmallHouse(database, FakeClock(), Keys((b"k" * 32,)))
    database.dispose()


@pytest.fixture(scope="module")
def door(house: Any) -> Iterator[WebDoor]:
    """The server on a free port."""
    served = WebDoor(make_app(house), "127.0.0.1", 0)
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def seen(door: WebDoor) -> Iterator[Callable[[str], Any]]:
    """Opens a path in a real browser and gives the page, once everything has come to rest."""
    if not CHROMIUM.exists():
        missing("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        context = browser.new_context()

        def look(path: str) -> Any:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{door.port}{path}", wait_until="networkidle")
            return page

        yield look
        browser.close()


def hostile(port: int) -> str:
    """Everything at once that should neither run nor fetch."""
    out = f"http://127.0.0.1:{port}"
    return f"""<script>document.title='ran'; fetch('{out}/fetch')</script><img src=x onerror="document.title='ran'; new Image().src='{out}/onerror'">
    <svg onload="document.title='ran'"><script>fetch('{out}/svg')</script><image href="{out}/svgimage"/></svg><meta http-equiv="refresh" content="0;url={out}/refresh">
    <form action="{out}/form" id="f"><input name="a" autofocus onfocus="document.title='ran'"><button>send</button></form>
    <p style="background-image:url({out}/css)">text of the mail</p><style>@import url({out}/import); body {{ background: url({out}/body) }}</style>
    <img src="{out}/pixel" width="1" height="1"><img src="{out}/picture"><img srcset="{out}/srcset 2x"><iframe src="{out}/iframe"></iframe>
    <table background="{out}/table"><tr><td>cell</td></tr></table><link rel="stylesheet" href="{out}/link"><link rel="prefetch" href="{out}/prefetch">
    <link rel="dns-prefetch" href="//x.example"><video src="{out}/video" poster="{out}/poster" autoplay></video><audio src="{out}/audio" autoplay></audio>
    <object data="{out}/object"></object><embed src="{out}/embed"><base href="{out}/"><img src="relative"><a href="javascript:document.title='ran'" id="js">js</a>
    <input type="image" src="{out}/input"><body onload="document.title='ran'" background="{out}/background">
    <math><maction actiontype="statusline#{out}">x</maction></math>"""


def with_logo(html: str) -> bytes:
    """A mail with an embedded image, one that is no image, and one that is SVG."""
    head = "From: a@x.org\r\nTo: b@y.org\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
    image = base64.b64encode(PIXEL).decode()
    svg = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>').decode()
    parts = [
        f"Content-Type: text/html\r\n\r\n{html}",
        f"Content-Type: image/png\r\nContent-ID: <logo@x.org>\r\nContent-Transfer-Encoding: base64\r\n\r\n{image}",
        "Content-Type: image/png\r\nContent-ID: <page@x.org>\r\n\r\n<html><script>alert(1)</script></html>",
        f"Content-Type: image/svg+xml\r\nContent-ID: <svg@x.org>\r\nContent-Transfer-Encoding: base64\r\n\r\n{svg}",
    ]
    return (head + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def ask(door: WebDoor, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = Request(f"http://127.0.0.1:{door.port}{path}", headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, _lower(answer.headers), answer.read()
    except HTTPError as refused:
        return refused.code, _lower(refused.headers), refused.read()


def test_a_sanitised_hostile_mail_does_nothing(house: SmallHouse, seen: Callable[[str], Any], sink: Sink) -> None:
    """As it is: read, sanitised, and shown in its page in a real browser."""
    house.store("hostile", with_logo(hostile(sink.port) + '<img src="cid:logo@x.org" id="logo">'))
    sink.asked.clear()
    page = seen(f"/frame/{house.token('hostile')}/page")
    frame = page.frames[1]
    assert "text of the mail" in frame.inner_text("body")
    assert page.title() == "Guichet: one mail"
    assert frame.title() == "Mail"
    assert frame.locator('img[src*="/part/"]').evaluate("image => image.naturalWidth") == 1, "the embedded image is shown"
    assert sink.asked == []
    page.close()


def test_the_frame_holds_where_the_sanitiser_has_a_hole(house: SmallHouse, seen: Callable[[str], Any], sink: Sink) -> None:
    """The same HTML without any sanitising: the policy alone keeps everything from running, fetching and sending."""
    house.store("hole", with_logo("x"), html=hostile(sink.port))
    sink.asked.clear()
    page = seen(f"/frame/{house.token('hole')}/page")
    frame = page.frames[1]
    assert "text of the mail" in frame.inner_text("body")
    assert frame.title() == "Mail"
    frame.evaluate("() => document.getElementById('f') && document.getElementById('f').submit()")
    page.wait_for_timeout(200)
    assert page.title() == "Guichet: one mail"
    assert [path for path in sink.asked if path != "/refresh"] == []
    assert "/refresh" not in sink.asked, "a frame that sends itself elsewhere tells that the mail was read"
    page.close()


def test_remote_images_load_when_asked_for(house: SmallHouse, seen: Callable[[str], Any], sink: Sink) -> None:
    """With the permission for it the picture is fetched; the tracking pixel, the scripts and the rest still are not."""
    house.store("remote", with_logo(hostile(sink.port)))
    sink.asked.clear()
    page = seen(f"/frame/{house.token('remote', remote=True)}/page")
    assert sink.asked == ["/picture"]
    page.close()


def test_direct_navigation_is_refused(house: SmallHouse, door: WebDoor, seen: Callable[[str], Any]) -> None:
    """The frame's address in the address bar shows a sentence; whatever asks, every answer carries the sandbox."""
    house.store("direct", with_logo("<p>hello</p>"))
    path = f"/frame/{house.token('direct')}"
    page = seen(path)
    assert "page only" in page.inner_text("body")
    page.close()
    for used, status in (("iframe", 200), ("document", 403), ("script", 403), ("image", 403)):
        code, headers, body = ask(door, path, Sec_Fetch_Dest=used)
        assert code == status, used
        assert headers["content-security-policy"].startswith("sandbox allow-popups")
        assert "default-src 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"], headers["cache-control"]) == ("nosniff", "no-referrer", "private, no-store")
    code, headers, body = ask(door, path)
    assert b"hello" in body
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "allow-scripts" not in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]


def test_parts_are_raster_images_only(house: SmallHouse, door: WebDoor) -> None:
    """What is no image by its own bytes, SVG, and what is not there are not served; the type is the sniffed one."""
    house.store("parts", with_logo("<img src='cid:logo@x.org'><img src='cid:page@x.org'><img src='cid:svg@x.org'>"))
    token = house.token("parts")
    code, headers, body = ask(door, f"/frame/{token}/part/1", Sec_Fetch_Dest="image")
    assert (code, headers["content-type"], body) == (200, "image/png", PIXEL)
    assert [ask(door, f"/frame/{token}/part/{number}")[0] for number in (0, 2, 3, 4, 10**30)] == [404] * 5
    assert ask(door, f"/frame/{token}/part/1", Sec_Fetch_Dest="document")[0] == 403


def test_images_of_a_mail_with_a_virus_are_not_shown(house: SmallHouse, door: WebDoor) -> None:
    """A virus keeps an image back; that its type is not on the list of files does not."""
    for name, danger, status in (("virus", "virus: Eicar", 404), ("listed", "Files of the type .png are not on the list of allowed types.", 200)):
        house.store(name, with_logo("<img src='cid:logo@x.org'>"), danger=danger)
        assert ask(door, f"/frame/{house.token(name)}/part/1")[0] == status


@pytest.mark.parametrize("spoil", ["expired", "forged", "other message", "remote added", "nonsense", "long"])
def test_only_a_good_token_opens_anything(house: SmallHouse, door: WebDoor, spoil: str) -> None:
    """Expired, forged or changed: nothing is there."""
    good = house.token("someone")
    name, remote, until, mac = good.split(".")
    token = {
        "expired": house.token("someone", minutes=-1),
        "forged": f"{name}.{remote}.{until}.{'a' * len(mac)}",
        "other message": f"another.{remote}.{until}.{mac}",
        "remote added": f"{name}.1.{until}.{mac}",
        "nonsense": "%00%2e%2e",
        "long": "a" * 5_000,
    }[spoil]
    for path in (f"/frame/{token}", f"/frame/{token}/page", f"/frame/{token}/part/1"):
        assert ask(door, path)[0] == 404
    assert read(house.keys, token, house.clock.now()) is None
    assert read(house.keys, good, house.clock.now()) is not None


QUOTING = (
    b"From: a@x.org\r\nTo: b@y.org\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    b'<p>new words</p><div class="gmail_quote"><div class="gmail_attr">On Monday, B wrote:</div><blockquote><div>old <b>words</b></div></blockquote></div>'
)


def test_quotations_are_folded_and_open_without_script(house: SmallHouse, seen: Callable[[str], Any]) -> None:
    """E-49: the quoted part of a mail is closed until a person opens it, in a frame where no script runs."""
    house.store("quoting", QUOTING)
    frame = seen(f"/frame/{house.token('quoting')}/page").frames[1]
    assert frame.get_by_text("new words").is_visible()
    assert not frame.get_by_text("old words").is_visible()
    frame.get_by_text("Quoted text").click()
    assert frame.get_by_text("old words").is_visible()


def test_a_mail_that_is_nothing_but_a_quotation_is_open(house: SmallHouse, door: WebDoor) -> None:
    """Where all is quoted nobody has to click to see anything; its other tags stay as they are."""
    house.store("only", b"x: y\r\n\r\n", html='<div class="guichet-quote"><blockquote><div>all <br>of it</div></blockquote></div>')
    html = ask(door, f"/frame/{house.token('only')}")[2].decode()
    assert "<body><details open><summary>Quoted text</summary><blockquote><div>all <br>of it</div></blockquote></details></body>" in html


def test_the_page_speaks_the_readers_language(house: SmallHouse, door: WebDoor) -> None:
    """The few words around a mail are French for a French browser, English for one of a language that we do not speak."""
    house.store("pictures", QUOTING.replace(b"new words", b'<img src="https://x.example/a.png"><img src="https://x.example/b.png">'))
    page = f"/frame/{house.token('pictures')}/page"
    assert "2 images distantes ne sont pas chargées." in ask(door, page, Accept_Language="fr-FR,fr;q=0.9,en;q=0.8")[2].decode()
    assert "2 remote images are not loaded." in ask(door, page, Accept_Language="xx, de;q=0.5")[2].decode()
    assert "Texte cité" in ask(door, page.removesuffix("/page"), Accept_Language="fr")[2].decode()


def test_html_stored_before_it_was_sanitised_is_sanitised_when_shown(house: SmallHouse, door: WebDoor) -> None:
    """E-42 after an upgrade: a body of revision 0001 (`more` is null) holds the HTML as it came; no reader gets it so."""
    house.store("upgraded", b"x: y\r\n\r\n", html='<p onclick="x()">words</p><script>alert(1)</script><img src="https://x.example/a.png">')
    with house.database.durable() as connection:
        connection.execute(schema.inbound_body.update().where(schema.inbound_body.c.inbound_id == "upgraded").values(more=None))
    html = ask(door, f"/frame/{house.token('upgraded')}")[2].decode()
    assert "<p>words</p>" in html and "script" not in html and ' src="https://x.example' not in html
    assert "1 remote image is not loaded." in ask(door, f"/frame/{house.token('upgraded')}/page")[2].decode()
