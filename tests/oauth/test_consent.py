"""A person logs in at the provider: by a page whose answer comes to a port or is pasted, on another device, or elsewhere."""

from __future__ import annotations

import dataclasses
import threading
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from core.health import Health
from core.setup import Setup
from gateway.bootstrap import open_house
from gateway.clock import FakeClock
from gateway.oauth.application import application_of
from gateway.oauth.asking import Asking
from gateway.oauth.consent import Answers, LogIn, finish, log_in, on_device
from gateway.oauth.trouble import TokenTrouble
from gateway.settings_source import load_settings
from gateway.store import connector_status
from tests.cli.conftest import Guichet, bare, guichet, installation, made_once  # noqa: F401  # fixtures
from tests.oauth.conftest import SECRET, Provider, connector


@pytest.fixture
def asking(provider: Provider) -> Asking:
    """Questions in the name of a Microsoft application."""
    return Asking(application_of(connector()), SECRET, provider.transport)


@pytest.fixture
def page(asking: Asking, clock: FakeClock) -> LogIn:
    """A log-in page that answers to port 4711."""
    return log_in(asking, clock, 4711)


def test_the_page_asks_for_what_is_needed(page: LogIn) -> None:
    """Authorization code with PKCE, the scope of the mailbox with offline access, a state of its own, and no secret."""
    parts = urlsplit(page.url)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://login.microsoftonline.com/acme/oauth2/v2.0/authorize"
    challenge = urlsafe_b64encode(sha256(page.verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked == {
        "response_type": "code",
        "client_id": "app-1",
        "redirect_uri": "http://localhost:4711",
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
        "state": page.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "prompt": "select_account",
        "login_hint": "support@demo.example",
    }
    assert 43 <= len(page.verifier) <= 128


@pytest.mark.parametrize(
    "answer", ["http://localhost:4711/?code=the-code&state={state}", " /?state={state}&code=the-code\n", "code=the-code&state={state}", "the-code", "http://localhost:4711?code=the-code&state={state}"]
)
def test_what_is_pasted(asking: Asking, page: LogIn, provider: Provider, answer: str) -> None:
    """The whole address, its end, or the bare code: changed for a refresh token, with the proof that it is ours."""
    assert finish(asking, page, answer.format(state=page.state)) == "refresh-1"
    (asked,) = provider.asked
    assert (asked["code"], asked["code_verifier"], asked["redirect_uri"]) == ("the-code", page.verifier, "http://localhost:4711")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("http://localhost:4711/?code=x&state=other", "another log-in"),
        ("http://localhost:4711/?code=x", "another log-in"),
        ("http://localhost:4711/?state={state}", "no code"),
        ("http://localhost:4711/?error=access_denied&error_description=You+said%1b[0mno", "access_denied You said"),
        ("x" * 20_000, "neither"),
        ("a\x1b[2Jb", "neither"),
        ("http://[?code=1", "another log-in"),
    ],
)
def test_what_is_no_answer(asking: Asking, page: LogIn, provider: Provider, answer: str, said: str) -> None:
    """A refusal, the answer to another page, rubbish: said in a sentence without control characters, and nothing is asked."""
    with pytest.raises(TokenTrouble, match=said) as told:
        finish(asking, page, answer.format(state=page.state))
    assert str(told.value).isprintable()
    assert provider.asked == []


def test_without_a_refresh_token_it_is_no_consent(asking: Asking, page: LogIn, provider: Provider) -> None:
    """A provider that gives an access token only would need a person every hour: refused with the reason."""
    provider.script = [(200, {"access_token": "a", "expires_in": 3600})]
    with pytest.raises(TokenTrouble, match="offline_access"):
        finish(asking, page, "code")


def test_the_browser_answers_at_a_port() -> None:
    """Where the browser runs on this machine, nothing need be pasted; the favicon it asks for is no answer."""
    with Answers() as answers:
        for path in ("favicon.ico", "?code=c&state=s"):
            with urllib.request.urlopen(f"http://127.0.0.1:{answers.port}/{path}") as shown:
                assert b"Guichet" in shown.read()
        assert answers.wait(5) == "/?code=c&state=s"
        with pytest.raises(TokenTrouble, match="in time"):
            answers.wait(0.01)


def test_on_another_device(asking: Asking, provider: Provider) -> None:
    """RFC 8628: the code is shown, the provider asked at its pace until the person has finished."""
    begun = {"device_code": "dev", "user_code": "ABC-DEF", "verification_uri": "https://microsoft.com/devicelogin", "interval": 5, "expires_in": 900}
    waiting = (400, {"error": "authorization_pending"})
    provider.script = [(200, begun), waiting, (400, {"error": "slow_down"}), waiting]
    told: list[tuple[str, str]] = []
    pauses: list[float] = []
    assert on_device(asking, lambda url, code: told.append((url, code)), pause=pauses.append) == "refresh-5"
    assert told == [("https://microsoft.com/devicelogin", "ABC-DEF")]
    assert pauses == [5, 5, 10, 10]
    assert provider.urls[0].endswith("/acme/oauth2/v2.0/devicecode")
    assert provider.asked[1]["device_code"] == "dev"


@pytest.mark.parametrize("script", [[(200, {"device_code": "d"}), (400, {"error": "expired_token"})], [(400, {"error": "unauthorized_client"})], [(500, b"x")]])
def test_a_device_that_is_refused(asking: Asking, provider: Provider, script: list[tuple[int, object]]) -> None:
    """The person took too long or said no, the application may not, the provider is away: a sentence each."""
    provider.script = script
    with pytest.raises(TokenTrouble):
        on_device(asking, lambda url, code: None, pause=lambda seconds: None)


# ---- the command


@pytest.fixture
def desk(installation: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:  # noqa: F811
    """Puts keys into the incoming side of connector `support`, whose provider is the served one."""
    monkeypatch.setenv("APP_SECRET", SECRET)

    def put(**keys: object) -> None:
        house = open_house(load_settings(installation / "guichet.toml"))
        one = connector(oauth_provider="other", token_url=f"{served}/token", authorize_url=f"{served}/authorize", device_url=f"{served}/device", scope="mail", **keys)
        try:
            with house.database.durable() as connection:
                setup: Setup = house.setups.current(connection)
                changed = tuple(dataclasses.replace(each, incoming=one.incoming) if each.name == "support" else each for each in setup.connectors)
                house.setups.save(connection, dataclasses.replace(setup, connectors=changed), "test", house.clock.now())
        finally:
            house.close()

    return put


def token_now(installation: Path) -> str:  # noqa: F811
    """What a fetcher of another process would get."""
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        return house.tokens.token(house.setup().connector_named["support"])
    finally:
        house.close()


def test_the_command_with_a_token_had_elsewhere(guichet: Guichet, installation: Path, desk: Callable[..., None], provider: Provider) -> None:  # noqa: F811
    """`--refresh-token -` reads one from standard input, tries it, keeps it encrypted, and shows it nowhere."""
    desk()
    said = guichet("connector", "consent", "support", "--refresh-token", "-", stdin=b"refresh-mine\n")
    assert (said.code, said.out) == (0, "Connector support may log in now.\n")
    assert "refresh-mine" not in said.err
    assert provider.asked[0]["refresh_token"] == "refresh-mine"
    assert token_now(installation) == "access-1"


def test_after_consent_nothing_waits(guichet: Guichet, installation: Path, desk: Callable[..., None]) -> None:  # noqa: F811
    """A mailbox that was suspended is tried at once when somebody has logged in, for fetching and for sending; what was wrong can still be read."""
    desk()
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        later = house.clock.now() + timedelta(hours=1)
        with house.database.durable() as connection:
            for name in ("fetch:support", "support"):
                connector_status.save(connection, Health(name, refused_logins=3, suspended_until=later, probes=5, last_error="refused", last_error_at=later))
        assert guichet("connector", "consent", "support", "--refresh-token", "-", stdin=b"refresh-mine\n").code == 0
        with house.database.read() as connection:
            for name in ("fetch:support", "support"):
                health = connector_status.health(connection, name)
                assert not health.rests(house.clock.now()) and not health.suspended
                assert health.last_error == "refused"
    finally:
        house.close()


def test_the_command_with_a_pasted_address(guichet: Guichet, installation: Path, desk: Callable[..., None]) -> None:  # noqa: F811
    """On a machine without a browser the address is printed and the answer typed in."""
    desk()
    said = guichet("connector", "consent", "support", stdin=b"\nthe-code\n")
    assert said.code == 0, said.err
    assert "/authorize?response_type=code" in said.err and "paste that address here" in said.err
    assert token_now(installation) == "access-2"


def test_the_command_with_a_browser_here(guichet: Guichet, installation: Path, desk: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The browser of this machine answers at the loopback port; standard input may be closed."""
    desk()
    echo = click.echo

    def browse(text: str = "", **more: object) -> None:
        echo(text, **more)  # type: ignore[arg-type]
        for word in str(text).split():
            if "/authorize?" in word:
                asked = {name: values[0] for name, values in parse_qs(urlsplit(word).query).items()}
                back = f"{asked['redirect_uri'].replace('localhost', '127.0.0.1')}/?code=c&state={asked['state']}"
                threading.Thread(target=urllib.request.urlopen, args=(back,), daemon=True).start()

    monkeypatch.setattr("gateway.cli.consent.click.echo", browse)
    said = guichet("connector", "consent", "support")
    assert said.code == 0, said.err
    assert token_now(installation) == "access-2"


def test_the_command_refuses_with_a_sentence(guichet: Guichet, desk: Callable[..., None], provider: Provider) -> None:  # noqa: F811
    """An unknown connector, an application that needs nobody, a provider that says no: exit 2, one line, nothing kept."""
    assert guichet("connector", "consent", "nobody").code == 2
    desk(oauth_grant="client_credentials")
    said = guichet("connector", "consent", "support")
    assert said.code == 2 and "client_credentials" in said.err
    desk(auth="password")
    said = guichet("connector", "consent", "support")
    assert said.code == 2 and "logs in with a password" in said.err
    desk()
    provider.script = [(400, {"error": "invalid_grant", "error_description": "no such token"})]
    said = guichet("connector", "consent", "support", "--refresh-token", "-", stdin=b"old\n")
    assert said.code == 2 and "no such token" in said.err and "Traceback" not in said.err
