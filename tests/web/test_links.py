"""The pages behind links in mails: what they send, what they refuse, how they are used by keyboard in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from core.mail_links import LinkDeed, MailLink, url
from core.setup import Setup
from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.store import items, mail_links
from gateway.store.engine import Database
from gateway.web.app import WebDoor, make_app
from tests.conftest import make_schema, missing
from tests.houses import make_house
from tests.web.test_frame import CHROMIUM, FLAGS

ANN, BOB = "ann@demo.example", "bob@demo.example"
HOSTILE = 'Printer <script>document.title="ran"</script> on fire & more'


@dataclass
class Desk:
    """A house with one ticket a test, and its web server."""

    house: House
    door: WebDoor

    def ticket(self, title: str = "Printer on fire") -> str:
        shown = self.house.desk.new_item(
            ANN, process="General support", title=title, description="It burns.", category="Question", contacts=("carl@acme.example",), submit=True
        )
        return str(shown["ref"])

    def token(self, deed: LinkDeed, ref: str = "", by: str = ANN, *, days: float = 7, **body: Any) -> str:
        now = self.house.clock.now()
        with self.house.database.durable() as connection:
            item = items.by_ref(connection, ref) if ref else None
            link = MailLink(self.house.clock.new_id(), by, deed, now, now + timedelta(days=days), item.id if item is not None else "", body)
            mail_links.add(connection, (link,))
        return self.house.keys.link_token(link.id)

    def status(self, ref: str) -> tuple[str, str]:
        shown = self.house.desk.show(ref, "root@demo.example")
        return str(shown["status"]), str(shown["assignee"] or "")

    def at(self, token: str) -> str:
        return url(f"http://127.0.0.1:{self.door.port}", token)

    def ask(self, token: str, method: str = "GET", body: bytes | dict[str, str] | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        data = urlencode(body).encode() if isinstance(body, dict) else body
        asked = Request(self.at(token), data=data, method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urlopen(asked, timeout=10) as answer:
                return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read().decode()
        except HTTPError as refused:
            return refused.code, {name.lower(): value for name, value in refused.headers.items()}, refused.read().decode()

    def form(self, token: str) -> dict[str, str]:
        """The fields that pressing the button sends."""
        html = self.ask(token)[2]
        proof, do = re.search(r'name="form" value="([^"]+)"', html), re.search(r'<button[^>]* name="do" value="([^"]+)"', html)
        assert proof and do
        return {"form": proof.group(1), "do": do.group(1)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    from tests import conftest

    folder: Path = tmp_path_factory.mktemp("links")
    database = Database(f"sqlite:///{folder}/guichet.db")
    make_schema(database)
    setup: Setup = conftest.example_setup.__wrapped__()  # type: ignore[attr-defined]
    house = make_house(folder, database, replace(setup, name="Demo desk"), clock=FakeClock())
    door = WebDoor(make_app(house), "127.0.0.1", 0)
    door.start()
    yield Desk(house, door)
    door.stop()
    house.close()


def test_get_and_head_ask_and_post_does(desk: Desk) -> None:
    """The page says what would be done; its button does it; afterwards the link is used."""
    ref = desk.ticket()
    token = desk.token(LinkDeed.TAKE, ref)
    code, _, html = desk.ask(token)
    assert code == 200 and f"{ref} will be yours." in html and "Nothing has been done yet." in html
    code, headers, html = desk.ask(token, "HEAD")
    assert (code, html) == (200, "") and "no-store" in headers["cache-control"]
    assert desk.status(ref) == ("to_do", "")
    code, _, html = desk.ask(token, "POST", desk.form(token))
    assert code == 200 and f"{ref} is yours." in html
    assert desk.status(ref) == ("in_progress", ANN)
    assert desk.ask(token)[0] == 410


def test_headers_of_every_answer(desk: Desk) -> None:
    """Nothing runs, nothing is loaded, nothing is kept, no frame, no referrer, no search engine; the style is allowed by its hash alone."""
    ref = desk.ticket()
    token = desk.token(LinkDeed.TAKE, ref)
    answers = [desk.ask(token), desk.ask("nonsense"), desk.ask(token, "POST", {"do": "take"}), desk.ask(token, "POST", desk.form(token)), desk.ask(token)]
    assert [code for code, _, _ in answers] == [200, 404, 400, 200, 410]
    for _, headers, html in answers:
        policy = headers["content-security-policy"]
        for part in ("default-src 'none'", "script-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"):
            assert part in policy
        assert "unsafe" not in policy and "http" not in policy
        assert (headers["cache-control"], headers["referrer-policy"], headers["x-content-type-options"]) == ("no-store", "no-referrer", "nosniff")
        assert headers["x-robots-tag"].startswith("noindex") and headers["x-frame-options"] == "DENY"
        assert not re.search(r"<script|<link|<img|src=|href=|style=|\bon\w+=|https?://", html)
    assert "set-cookie" not in answers[0][1]


@pytest.mark.parametrize(
    "spoil",
    [{"form": None}, {"form": "x"}, {"do": None}, {"do": ""}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"}],
    ids=str,
)
def test_a_post_without_our_button_does_nothing(desk: Desk, spoil: dict[str, str | None]) -> None:
    """A prefetcher that posts nothing, another site's form, a form without its hidden field or button: a sentence, and nothing done."""
    ref = desk.ticket()
    token = desk.token(LinkDeed.TAKE, ref)
    fields = {name: value for name, value in {**desk.form(token), **{key: value for key, value in spoil.items() if "_" not in key}}.items() if value is not None}
    headers = {name: str(value) for name, value in spoil.items() if "_" in name}
    code, _, html = desk.ask(token, "POST", fields, **headers)
    assert code == 400 and "press the button" in html
    assert desk.status(ref) == ("to_do", "")


def test_the_form_of_another_link(desk: Desk) -> None:
    """What one page hides in its form is no key to another link."""
    ref, other = desk.ticket(), desk.ticket()
    fields = desk.form(desk.token(LinkDeed.TAKE, other))
    assert desk.ask(desk.token(LinkDeed.TAKE, ref), "POST", fields)[0] == 400
    assert desk.status(ref) == ("to_do", "")


ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


def test_one_click(desk: Desk) -> None:
    """RFC 8058 section 3.1: a POST in either encoding unsubscribes, without page, question or redirection; no other link is done by it."""
    token = desk.token(LinkDeed.UNSUBSCRIBE, by=BOB, occasion="assigned")
    code, headers, text = desk.ask(token, "POST", ONE_CLICK)
    assert (code, text, headers["content-type"]) == (200, "done\n", "text/plain; charset=utf-8")
    other = desk.token(LinkDeed.UNSUBSCRIBE, by=BOB, occasion="failed")
    assert desk.ask(other, "POST", MULTIPART, Content_Type="multipart/form-data; boundary=b")[0] == 200
    with desk.house.database.read() as connection:
        told = desk.house.setups.current(connection).user_of[BOB].by_mail.at_once
    assert {str(one) for one in told} == {"new_information", "at_risk", "overdue"}
    ref = desk.ticket()
    for deed in (LinkDeed.TAKE, LinkDeed.RESOLVE, LinkDeed.UNDO):
        assert desk.ask(desk.token(deed, ref), "POST", ONE_CLICK)[0] == 404
    assert desk.status(ref) == ("to_do", "")


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 5_000), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe%00", "application/x-www-form-urlencoded", 400),
        (b"--b\r\n" * 9_000, "multipart/form-data; boundary=b", 400),
        (b"".join(b"--%d\r\nContent-Type: multipart/x; boundary=%d\r\n\r\n" % (n, n + 1) for n in range(1_200)), "multipart/form-data; boundary=0", 400),
        (b"anything", "multipart/form-data", 400),
        (b"{}", "application/json", 400),
        (b"", "", 400),
    ],
)
def test_any_body_is_answered(desk: Desk, body: bytes, content_type: str, code: int) -> None:
    """Too long, too many, no form at all: an answer, and nothing done."""
    ref = desk.ticket()
    assert desk.ask(desk.token(LinkDeed.TAKE, ref), "POST", body, Content_Type=content_type)[0] == code
    assert desk.status(ref) == ("to_do", "")


def test_forged_and_long_tokens(desk: Desk) -> None:
    """The same page for all of them, in the browser's language, without the name of the desk."""
    token = desk.token(LinkDeed.TAKE, desk.ticket())
    pages = {desk.ask(one, Accept_Language="fr-FR,fr;q=0.9")[::2] for one in ("x", token[:-1] + "!", "a" * 5_000, "%00%2e%2e", token.swapcase())}
    assert len(pages) == 1
    ((code, html),) = pages
    assert code == 404 and "Il n’y a rien ici" in html and "Demo desk" not in html
    assert desk.ask(token + "x", "POST", {"form": "x", "do": "take"})[0] == 404
    assert desk.ask(token, "PUT", b"")[0] == 405


def test_what_people_wrote_is_escaped(desk: Desk) -> None:
    """A title full of HTML is text."""
    _, _, html = desk.ask(desk.token(LinkDeed.TAKE, desk.ticket(HOSTILE)))
    assert "<script" not in html
    assert HOSTILE in unescape(html)


def test_french(desk: Desk) -> None:
    """Bob's pages are French whatever his browser says, and say so to screen readers and caches."""
    token = desk.token(LinkDeed.TAKE, desk.ticket(), BOB)
    _, headers, html = desk.ask(token, Accept_Language="en")
    assert '<html lang="fr">' in html and headers["content-language"] == "fr"
    assert "Merci de confirmer" in html and ">Prendre</button>" in html


# ---------------------------------------------------------------- in a real browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        missing("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def opened(desk: Desk, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a link in a fresh context without JavaScript, as large and dark as wanted; what it asks for besides is on `asked`."""
    contexts = []

    def look(token: str, *, width: int = 1280, dark: bool = False) -> Any:
        context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 760}, color_scheme="dark" if dark else "light")
        contexts.append(context)
        page = context.new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append((request.method, request.url)))
        page.goto(desk.at(token), wait_until="networkidle")
        return page

    yield look
    for context in contexts:
        context.close()


def test_by_keyboard_alone(desk: Desk, opened: Callable[..., Any]) -> None:
    """WCAG 2.1.1: note and button are reached by Tab, pressed by Enter; without script, and with no request but to the page itself."""
    ref = desk.ticket()
    token = desk.token(LinkDeed.RESOLVE, ref)
    page = opened(token)
    page.keyboard.press("Tab")
    page.keyboard.type("New cable.")
    page.keyboard.press("Tab")
    assert page.locator("button:focus").count() == 1
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("h1").inner_text() == "Done"
    assert desk.status(ref)[0] == "resolved"
    assert {address for _, address in page.asked if not address.endswith("/favicon.ico")} == {desk.at(token)}
    assert [method for method, address in page.asked if address == desk.at(token)] == ["GET", "POST"]


def test_a_note_that_is_needed_is_asked_for(desk: Desk, opened: Callable[..., Any]) -> None:
    """A-TK-16: the button without a note goes nowhere, and the field has the focus."""
    ref = desk.ticket()
    page = opened(desk.token(LinkDeed.RESOLVE, ref))
    page.locator("button").click()
    assert page.locator("textarea:focus").count() == 1
    assert desk.status(ref)[0] == "to_do"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_can_be_read(desk: Desk, opened: Callable[..., Any], dark: bool) -> None:
    """WCAG AA: every text against its ground at least 4.5 to 1, on a small phone nothing is cut off, a button is large enough for a thumb."""
    page = opened(desk.token(LinkDeed.RESOLVE, desk.ticket("Druckerfehlermeldung" * 8)), width=320, dark=dark)
    measure = page.context.browser.new_context(viewport={"width": 320, "height": 760}, color_scheme="dark" if dark else "light", bypass_csp=True)
    beside = measure.new_page()
    beside.goto(page.url, wait_until="networkidle")
    found = beside.evaluate(
        """() => [...document.querySelectorAll('h1, p, label, button, footer')].map(one => {
            let ground = one; while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
            return [one.className || one.tagName, getComputedStyle(one).color, getComputedStyle(ground).backgroundColor];
        })"""
    )
    assert len(found) > 6
    poor = [(name, _contrast(ink, ground)) for name, ink, ground in found if _contrast(ink, ground) < 4.5]
    assert poor == []
    assert beside.evaluate("document.documentElement.scrollWidth") <= 320
    assert beside.locator("button").bounding_box()["height"] >= 44
    measure.close()


def _contrast(ink: str, ground: str) -> float:
    """WCAG 2.1, relative luminance."""
    bright, dim = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
