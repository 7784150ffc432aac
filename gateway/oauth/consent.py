"""A person logs in at the provider once: by a page whose answer comes back here or is pasted (PKCE), or on another device; keeping it is `tokens.py`."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from core.delivery import Meaning
from gateway.clock import Clock
from gateway.oauth.asking import Answered, Asking, ProviderRefused
from gateway.oauth.trouble import TokenTrouble, clean

LONGEST_ANSWER = 16_000
MOST_SECONDS = 30 * 60
DONE = b"<!doctype html><title>Guichet</title><p>Guichet has the answer of the provider. You may close this page and look at the terminal."


@dataclass(frozen=True, slots=True, repr=False)
class LogIn:
    """One log-in page: `url` is what the person opens. The rest proves that its answer is meant for us."""

    url: str
    state: str
    verifier: str
    redirect_uri: str

    def code_in(self, answer: str) -> str:
        """The code in what came back: the address the browser ended at, or the bare code. Raises TokenTrouble with a sentence."""
        answer = answer.strip()
        if len(answer) > LONGEST_ANSWER or not answer.isprintable():
            raise TokenTrouble(Meaning.TROUBLE, "That is neither the address the browser ended at nor a code.")
        if "?" not in answer and "=" not in answer.partition("&")[0]:
            return answer
        try:
            fields = parse_qs(urlsplit(answer).query or answer, max_num_fields=50)
        except ValueError:
            fields = {}
        if "error" in fields:
            words = " ".join(fields["error"] + fields.get("error_description", []))
            raise TokenTrouble(Meaning.TROUBLE, f"The provider refused: {clean(words)}")
        if fields.get("state") != [self.state]:
            raise TokenTrouble(Meaning.TROUBLE, "That is the answer to another log-in (its state differs); open the address printed last.")
        if not fields.get("code"):
            raise TokenTrouble(Meaning.TROUBLE, "There is no code in that address.")
        return fields["code"][0]


def log_in(asking: Asking, clock: Clock, port: int) -> LogIn:
    """A new log-in page that answers to a loopback port (RFC 8252 section 7.3)."""
    state, verifier, redirect_uri = clock.new_id(), clock.new_id() + clock.new_id(), f"http://localhost:{port}"
    return LogIn(asking.login_page(redirect_uri, state, verifier), state, verifier, redirect_uri)


def finish(asking: Asking, page: LogIn, answer: str) -> str:
    """The refresh token for what came back. Raises TokenTrouble."""
    return _refresh_token(lambda: asking.by_code(page.code_in(answer), page.verifier, page.redirect_uri))


def on_device(asking: Asking, tell: Callable[[str, str], None], *, pause: Callable[[float], None] = time.sleep) -> str:
    """The refresh token of a log-in on another device; `tell` is given the address and the code to show. Raises TokenTrouble."""
    try:
        begun = asking.device()
    except ProviderRefused as refused:
        raise TokenTrouble(Meaning.TROUBLE, f"The provider refused: {refused}") from None
    tell(clean(str(begun.get("verification_uri") or begun.get("verification_url") or "")), clean(str(begun.get("user_code") or "")))
    interval, until = _number(begun.get("interval"), 5), time.monotonic() + min(_number(begun.get("expires_in"), 900), MOST_SECONDS)
    while time.monotonic() < until:
        pause(interval)
        try:
            return _refresh_token(lambda: asking.by_device(str(begun["device_code"])))
        except ProviderRefused as refused:
            if refused.code not in ("authorization_pending", "slow_down"):
                raise TokenTrouble(Meaning.TROUBLE, f"The provider refused: {refused}") from None
            interval += 5 if refused.code == "slow_down" else 0
    raise TokenTrouble(Meaning.TROUBLE, "Nobody has logged in in time; run the command again.")


def _refresh_token(ask: Callable[[], Answered]) -> str:
    try:
        answered = ask()
    except ProviderRefused as refused:
        if refused.code in ("authorization_pending", "slow_down"):
            raise
        raise TokenTrouble(Meaning.TROUBLE, f"The provider refused: {refused}") from None
    if not answered.refresh_token:
        raise TokenTrouble(Meaning.TROUBLE, "The provider gave no refresh token; its application or the scope must allow access while nobody is there (offline_access).")
    return answered.refresh_token


def _number(value: Any, otherwise: float) -> float:
    try:
        return max(1.0, min(float(value), 3600.0))
    except (TypeError, ValueError):
        return otherwise


class Answers:
    """What comes back from a log-in page: at a loopback port, or from whoever pastes it. Use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self._found: queue.Queue[str] = queue.Queue()
        found = self._found

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(DONE)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(DONE)
                if "?" in self.path:  # not the browser's favicon
                    found.put(self.path)

            def log_message(self, format: str, *args: object) -> None:
                """The address holds the code: nothing is logged."""

        self._server = HTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="consent", daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> Answers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def paste(self, answer: str) -> None:
        """Somebody typed it."""
        self._found.put(answer)

    def wait(self, seconds: float = MOST_SECONDS) -> str:
        """The next answer. Raises TokenTrouble when there is none in time."""
        try:
            return self._found.get(timeout=seconds)
        except queue.Empty:
            raise TokenTrouble(Meaning.TROUBLE, "Nobody has logged in in time; run the command again.") from None
