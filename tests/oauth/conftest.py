"""A provider of tokens that answers by a script, in memory or over HTTP, and a connector that logs in with OAuth2."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from core.setup import Connector

SECRET = "s3cret-of-the-application"
ENVIRON = {"APP_SECRET": SECRET}


def connector(name: str = "support", **keys: object) -> Connector:
    """A mailbox behind OAuth2; `keys` replace those of its `incoming`."""
    incoming: dict[str, object] = {
        "kind": "imap",
        "host": "imap.example",
        "user": "support@demo.example",
        "auth": "xoauth2",
        "oauth_provider": "microsoft",
        "tenant": "acme",
        "client_id": "app-1",
        "client_secret_env": "APP_SECRET",
        **keys,
    }
    return Connector(f"c-{name}", name, "support@demo.example", incoming=incoming)


class Provider:
    """Answers in turn what it was given; remembers what it was asked. Without a script it gives numbered tokens and rotates refresh tokens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.urls: list[str] = []
        self.script: list[tuple[int, Any]] = []
        self.life: object = 3600
        self.rotates = True
        self._lock = threading.Lock()

    def answer(self, url: str, body: str, headers: dict[str, str]) -> tuple[int, Any]:
        """What is said to one question."""
        with self._lock:
            asked = {name: values[0] for name, values in parse_qs(body).items()}
            if "authorization" in headers:
                asked["authorization"] = headers["authorization"]
            self.asked.append(asked)
            self.urls.append(url)
            if self.script:
                return self.script.pop(0)
            number = len(self.asked)
            given: dict[str, Any] = {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": self.life}
            if asked.get("grant_type") != "client_credentials" and self.rotates:
                given["refresh_token"] = f"refresh-{number}"
            return 200, given

    @property
    def transport(self) -> httpx2.MockTransport:
        """In place of the network."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            status, content = self.answer(str(request.url), request.content.decode(), dict(request.headers))
            if isinstance(content, Exception):
                raise content
            if isinstance(content, bytes):
                return httpx2.Response(status, content=content)
            return httpx2.Response(status, json=content)

        return httpx2.MockTransport(handle)


@pytest.fixture
def provider() -> Provider:
    """A provider that gives whatever is asked."""
    return Provider()


@pytest.fixture
def served(provider: Provider) -> Iterator[str]:
    """The same provider on a loopback port: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, content = provider.answer(self.path, body, {name.lower(): value for name, value in self.headers.items()})
            written = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
