"""One question to a provider and its answer, by Authlib over httpx2 (RFC 6749, RFC 8628); when to ask and what to keep is `tokens.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.delivery import Meaning
from gateway.oauth.application import Application
from gateway.oauth.trouble import TokenTrouble, clean

if TYPE_CHECKING:
    import httpx2

TIMEOUT_SECONDS = 15.0
ANSWER_SECONDS = 30.0
"""Patience with a whole answer, however slowly it drips."""
ANSWER_BYTES = 64 * 2**10
LONGEST_TOKEN = 16_000
LONGEST_LIFE = 7 * 86_400
USUAL_LIFE = 600
"""Seconds a token is believed to live whose provider does not say."""

CONSENT_ERRORS = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
PASSING_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down", "authorization_pending"})


@dataclass(frozen=True, slots=True, repr=False)
class Answered:
    """What the provider gave. `refresh_token` is '' where it goes on with the old one; `seconds` the access token lives."""

    access_token: str
    refresh_token: str
    seconds: int


class ProviderRefused(Exception):
    """The provider's own error: `code` by RFC 6749 section 5.2, `words` for people, without secrets."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}" if words else code)
        self.code = code
        self.words = words


class Asking:
    """Questions about one application. `secret` is the application's own; `transport` replaces the network in tests."""

    def __init__(self, application: Application, secret: str = "", transport: httpx2.BaseTransport | None = None) -> None:
        self._application = application
        self._secret = secret
        self._transport = transport

    def by_application(self) -> Answered:
        """The grant `client_credentials`. Raises ProviderRefused or TokenTrouble."""
        return self._had(lambda client: client.fetch_token(self._application.token_url, grant_type="client_credentials", scope=self._application.scope or None))

    def by_refresh(self, refresh_token: str) -> Answered:
        """The grant `refresh_token`. Raises ProviderRefused or TokenTrouble."""
        return self._had(lambda client: client.refresh_token(self._application.token_url, refresh_token=refresh_token), refresh_token)

    def by_code(self, code: str, verifier: str, redirect_uri: str) -> Answered:
        """The code of a log-in page, with PKCE (RFC 7636). Raises ProviderRefused or TokenTrouble."""
        asked = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
        return self._had(lambda client: client.fetch_token(self._application.token_url, **asked), code, verifier)

    def by_device(self, device_code: str) -> Answered:
        """Whether the person has finished on the other device: ProviderRefused `authorization_pending` until then (RFC 8628 section 3.5)."""
        asked = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device_code}
        return self._had(lambda client: client.fetch_token(self._application.token_url, **asked), device_code)

    def login_page(self, redirect_uri: str, state: str, verifier: str) -> str:
        """The address a person opens (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
        more = {**(self._application.provider.asked or {}), **({"login_hint": self._application.user} if self._application.user else {})}
        with self._client() as client:
            url, _ = client.create_authorization_url(self._application.authorize_url, state=state, code_verifier=verifier, redirect_uri=redirect_uri, **more)
        return str(url)

    def device(self) -> Mapping[str, Any]:
        """What to tell the person for a log-in on another device (RFC 8628 section 3.2). Raises ProviderRefused or TokenTrouble."""
        asked = {"client_id": self._application.client_id, "scope": self._application.scope}
        with self._asked() as client:
            answer = client.request("POST", self._application.device_url, data=asked, withhold_token=True, headers={"Accept": "application/json"})
            found = answer.json()
        if not isinstance(found, dict) or "device_code" not in found:
            raise self._refused(str(found.get("error", answer.status_code)) if isinstance(found, dict) else str(answer.status_code), found)
        return found

    def _had(self, ask: Callable[[Any], Mapping[str, Any]], *secrets: str) -> Answered:
        with self._asked(*secrets) as client:
            return self._read(ask(client), *secrets)

    def _read(self, answer: Mapping[str, Any], *secrets: str) -> Answered:
        access, refresh = answer.get("access_token"), answer.get("refresh_token") or ""
        if "error" in answer:
            raise self._refused(str(answer["error"]), answer, *secrets)
        if not _is_token(access) or (refresh and not _is_token(refresh)):
            raise TokenTrouble(Meaning.PASSING, f"The token server {self._host} answered without a usable access token.")
        return Answered(str(access), str(refresh), _seconds(answer.get("expires_in")))

    @contextmanager
    def _asked(self, *secrets: str) -> Iterator[Any]:
        """A client whose troubles are ours: refusals with the provider's words, everything about the way is passing."""
        import httpx2
        from authlib.integrations.base_client import OAuthError

        try:
            with self._client() as client:
                yield client
        except OAuthError as refused:
            raise self._refused(str(refused.error), {"error_description": refused.description}, *secrets) from None
        except httpx2.HTTPStatusError as fault:
            raise TokenTrouble(Meaning.PASSING, f"The token server {self._host} answered {fault.response.status_code}.") from None
        except httpx2.HTTPError as fault:
            why = clean(str(fault), self._secret, *secrets) or type(fault).__name__
            raise TokenTrouble(Meaning.PASSING, f"The token server {self._host} cannot be reached: {why}") from None
        except ValueError:  # no JSON, or no object
            raise TokenTrouble(Meaning.PASSING, f"The token server {self._host} answered with something that is no token.") from None

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        application = self._application
        return OAuth2Client(
            client_id=application.client_id,
            client_secret=self._secret or None,
            token_endpoint_auth_method=application.provider.method if self._secret else "none",
            scope=application.scope or None,
            code_challenge_method="S256",
            transport=self._transport,  # None: the network, by the proxy that the environment names
            event_hooks={"response": [_bounded]},
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
        )

    def _refused(self, code: str, answer: object, *secrets: str) -> ProviderRefused:
        words = answer.get("error_description") if isinstance(answer, Mapping) else ""
        return ProviderRefused(clean(code, self._secret, *secrets)[:80], clean(str(words or ""), self._secret, *secrets))

    @property
    def _host(self) -> str:
        from urllib.parse import urlsplit

        return urlsplit(self._application.token_url).hostname or "?"


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TOKEN and value.isascii() and value.isprintable()


def _seconds(value: object) -> int:
    """`expires_in`, which some send as text; never more than a week, so that a wrong clock of theirs does not blind us."""
    try:
        seconds = int(str(value))
    except ValueError:
        return USUAL_LIFE
    return max(0, min(seconds, LONGEST_LIFE))


def _bounded(answer: httpx2.Response) -> None:
    """Before it is read: an answer ends at a size and after a time."""
    import httpx2

    assert isinstance(answer.stream, httpx2.SyncByteStream)
    stream: httpx2.SyncByteStream = answer.stream

    class Short(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size, until = 0, time.monotonic() + ANSWER_SECONDS
            for piece in stream:
                size += len(piece)
                if size > ANSWER_BYTES or time.monotonic() > until:
                    raise httpx2.ReadError("the answer is too long")
                yield piece

        def close(self) -> None:
            stream.close()

    answer.stream = Short()
