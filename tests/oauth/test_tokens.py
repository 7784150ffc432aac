"""Access tokens: had once, kept encrypted, renewed early by one process, and a person called when the provider wants one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy.exc import OperationalError

from core.delivery import Meaning
from core.setup import Connector
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.oauth.tokens import Tokens
from gateway.oauth.trouble import ConsentNeeded, TokenTrouble
from gateway.store import due, oauth_tokens
from gateway.store.engine import Database
from tests.oauth.conftest import ENVIRON, SECRET, Provider, connector

APP = {"oauth_grant": "client_credentials"}
Make = Callable[..., Tokens]


@pytest.fixture
def make(database: Database, keys: Keys, clock: FakeClock, provider: Provider) -> Make:
    """Tokens of one process; several are several processes."""

    def made(holder: str = "host/1/a", transport: httpx2.BaseTransport | None = None) -> Tokens:
        return Tokens(database, keys, clock, ENVIRON, holder, transport=transport or provider.transport)

    return made


def row(database: Database, name: str = "support") -> oauth_tokens.TokenRow:
    """What is stored."""
    with database.read() as connection:
        return oauth_tokens.find(connection, name)


def test_an_application_gets_its_token_once(make: Make, provider: Provider, clock: FakeClock) -> None:
    """Microsoft's app-only grant: asked with the right scope and secret, kept for its life, renewed five minutes before it ends."""
    tokens = make()
    assert tokens.token(connector(**APP)) == tokens.token(connector(**APP)) == "access-1"
    assert provider.urls == ["https://login.microsoftonline.com/acme/oauth2/v2.0/token"]
    assert provider.asked == [
        {"grant_type": "client_credentials", "scope": "https://outlook.office365.com/.default", "client_id": "app-1", "client_secret": SECRET}
    ]
    clock.advance(minutes=54, seconds=59)
    assert make("host/2/b").token(connector(**APP)) == "access-1"
    clock.advance(seconds=2)
    assert tokens.token(connector(**APP)) == "access-2"


def test_tokens_are_encrypted_and_never_logged(make: Make, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the rows nor the log hold a token in clear (decisions.md 25)."""
    caplog.set_level(logging.DEBUG)
    make().consented(connector(), "refresh-0")
    stored = repr(row(database))
    for secret in ("access-1", "refresh-0", "refresh-1", SECRET):
        assert secret not in stored
        assert secret not in caplog.text + repr([record.__dict__ for record in caplog.records])


def test_a_rotated_refresh_token_is_stored_before_use(make: Make, provider: Provider, clock: FakeClock) -> None:
    """Each refresh uses the newest refresh token, also in another process; a provider that does not rotate keeps the old one in use."""
    make().consented(connector(), "refresh-0")
    clock.advance(hours=2)
    provider.rotates = False
    assert make("host/2/b").token(connector()) == "access-2"
    clock.advance(hours=2)
    assert make("host/3/c").token(connector()) == "access-3"
    assert [asked["refresh_token"] for asked in provider.asked] == ["refresh-0", "refresh-1", "refresh-1"]
    assert provider.asked[0]["scope"] == "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"


def test_a_consent_that_is_missing_asks_nobody(make: Make, provider: Provider) -> None:
    """Before the first log-in of a person the sentence names the command, and the provider hears nothing."""
    with pytest.raises(ConsentNeeded, match="guichet connector consent support"):
        make().token(connector())
    assert provider.asked == []


def test_a_consent_that_ended_is_said_once(make: Make, provider: Provider, database: Database, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """`invalid_grant` raises an alarm and asks the provider no more, in any process, until somebody has logged in again."""
    make().consented(connector(), "refresh-0")
    clock.advance(hours=2)
    provider.script = [(400, {"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token has expired. refresh-1"})]
    for holder in ("host/1/a", "host/2/b", "host/1/a"):
        with pytest.raises(ConsentNeeded, match="AADSTS700082") as told:
            make(holder).token(connector())
        assert "refresh-1" not in str(told.value)
    assert len(provider.asked) == 2
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == ["oauth_needs_consent"]
    assert row(database).state == "needs_consent"
    make().consented(connector(), "refresh-new")
    assert row(database).state == ""
    assert make("host/2/b").token(connector()) == "access-3"


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"error": "server_error"}),
        (429, b"<html>slow down</html>"),
        (200, b"<html>captive portal</html>"),
        (200, ["not", "an", "object"]),
        (200, {"token_type": "Bearer"}),
        (200, {"access_token": "two\r\nlines"}),
        (200, {"access_token": "x" * 20_000}),
        (200, b'{"access_token": "' + b"x" * 200_000 + b'"}'),
        (400, {"error": "temporarily_unavailable"}),
        (302, b""),
        (0, httpx2.ConnectError("no route")),
        (0, httpx2.ReadTimeout("too slow")),
    ],
)
def test_trouble_on_the_way_passes(make: Make, provider: Provider, answer: tuple[int, object]) -> None:
    """A provider that is away, limits, or talks rubbish costs no consent: the next question is answered."""
    tokens = make()
    tokens.consented(connector(), "refresh-0")
    tokens.rejected(connector(), "access-1")
    provider.script = [answer]
    with pytest.raises(TokenTrouble) as told:
        tokens.token(connector())
    assert told.value.meaning is Meaning.PASSING and not isinstance(told.value, ConsentNeeded)
    assert "refresh-1" not in str(told.value) and SECRET not in str(told.value)
    assert tokens.token(connector()) == "access-3"


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope"])
def test_a_wrong_application_is_refused(make: Make, provider: Provider, error: str) -> None:
    """An expired secret is no matter of consent: it counts as a refused log-in, which suspends, with the provider's words."""
    provider.script = [(401, {"error": error, "error_description": f"AADSTS7000222: expired {SECRET}"})]
    with pytest.raises(TokenTrouble, match="AADSTS7000222") as told:
        make().token(connector(**APP))
    assert told.value.meaning is Meaning.LOGIN_REFUSED and not isinstance(told.value, ConsentNeeded)
    assert SECRET not in str(told.value)


def test_a_refused_token_is_replaced_once(make: Make, provider: Provider) -> None:
    """A mailbox refused a token that looked fresh: the next is a new one; telling it of an older token changes nothing."""
    tokens = make()
    assert tokens.token(connector(**APP)) == "access-1"
    tokens.rejected(connector(**APP), "access-1")
    assert tokens.token(connector(**APP)) == "access-2"
    tokens.rejected(connector(**APP), "access-1")
    assert tokens.token(connector(**APP)) == "access-2"
    assert len(provider.asked) == 2


def test_one_refresh_across_processes(make: Make, provider: Provider, clock: FakeClock) -> None:
    """Eight threads of four processes want the token at once: the provider is asked once (a rotated token is good only once)."""
    make().consented(connector(), "refresh-0")
    clock.advance(hours=2)
    slow = threading.Event()
    inner = provider.transport

    class Slow(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            slow.wait(0.3)
            return inner.handle_request(request)

    processes = [make(f"host/{number}/x", Slow()) for number in range(4)]
    found: list[str] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.token(connector()))) for one in processes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["access-2"] * 8
    assert len(provider.asked) == 2


def test_a_dead_process_is_waited_for_no_longer_than_its_lease(make: Make, database: Database, clock: FakeClock, provider: Provider) -> None:
    """Who renews holds a lease; when it is over, another process renews."""
    with database.durable() as connection:
        assert due.take_lead(connection, "oauth:support", "host/9/dead", clock.now(), timedelta(minutes=2))
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(make().token(connector(**APP))))
    thread.start()
    thread.join(0.3)
    assert (found, provider.asked) == ([], [])
    clock.advance(minutes=3)
    thread.join(20)
    assert found == ["access-1"]


def test_a_token_that_could_not_be_stored_is_not_lost(make: Make, provider: Provider, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database fails just when the rotated refresh token comes: it is stored at the next question, and not asked for with the old one."""
    tokens = make()
    tokens.consented(connector(), "refresh-0")
    clock.advance(hours=2)
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise OperationalError("", {}, Exception("disk full"))

        broken.setattr(oauth_tokens, "save", fail)
        with pytest.raises(OperationalError):
            tokens.token(connector())
    assert tokens.token(connector()) == "access-2"
    clock.advance(hours=2)
    assert make("host/2/b").token(connector()) == "access-3"
    assert [asked["refresh_token"] for asked in provider.asked] == ["refresh-0", "refresh-1", "refresh-2"]


@pytest.mark.parametrize("changed", [{"client_id": "app-2"}, {"tenant": "globex"}, {"user": "claims@demo.example"}])
def test_tokens_of_another_application_are_not_used(make: Make, provider: Provider, changed: dict[str, object]) -> None:
    """The operator changed the application or the person: the old tokens stand for nothing, a person is asked for."""
    make().consented(connector(), "refresh-0")
    with pytest.raises(ConsentNeeded, match="has changed"):
        make().token(connector(**changed))
    assert len(provider.asked) == 1


def test_a_lost_key_means_a_new_consent(make: Make, database: Database, clock: FakeClock, provider: Provider) -> None:
    """Tokens sealed with a key that is gone cannot be read: the sentence says what to do, nothing crashes."""
    make().consented(connector(), "refresh-0")
    other = Tokens(database, Keys((b"z" * 32,)), clock, ENVIRON, "host/2/b", transport=provider.transport)
    with pytest.raises(ConsentNeeded, match="connector consent"):
        other.token(connector())


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"oauth_provider": ""}, "oauth_provider"),
        ({"client_id": ""}, "client_id"),
        ({"oauth_grant": "client_credentials", "tenant": ""}, "tenant"),
        ({"oauth_provider": "other"}, "token_url"),
        ({"oauth_provider": "other", "token_url": "http://sso.example/token"}, "https://"),
        ({"oauth_provider": "other", "token_url": "https://["}, "https://"),
        ({"oauth_grant": "client_credentials", "client_secret_env": "NOT_SET"}, "NOT_SET"),
    ],
)
def test_settings_that_cannot_work_say_so(make: Make, provider: Provider, keys: dict[str, object], said: str) -> None:
    """What is missing is named, and no secret leaves unencrypted."""
    with pytest.raises(TokenTrouble, match=said) as told:
        make().token(connector(**keys))
    assert told.value.meaning is Meaning.TROUBLE
    assert provider.asked == []


@pytest.mark.parametrize(("life", "kept_minutes"), [("3599", 54), (None, 4), (240, 1), (10**12, 7 * 24 * 60 - 6)])
def test_how_long_a_token_is_believed(make: Make, provider: Provider, clock: FakeClock, life: object, kept_minutes: int) -> None:
    """Text, nothing, short and endless lives of tokens: used for so many minutes, never for ever."""
    provider.life = life
    tokens = make()
    assert tokens.token(connector(**APP)) == "access-1"
    clock.advance(minutes=kept_minutes)
    assert tokens.token(connector(**APP)) == "access-1"
    clock.advance(minutes=kept_minutes + 12)
    assert tokens.token(connector(**APP)) == "access-2"


def test_sending_and_fetching_share_a_consent(make: Make, provider: Provider) -> None:
    """One application and person for both ways: one row, one consent that covers both; another application has its own row."""
    outgoing: dict[str, object] = {**connector().incoming, "kind": "smtp", "host": "smtp.example"}
    both = Connector("c", "support", "support@demo.example", incoming=connector().incoming, outgoing=outgoing)
    tokens = make()
    tokens.consented(both, "refresh-0")
    assert tokens.token(both, "outgoing") == tokens.token(both) == "access-1"
    assert provider.asked[0]["scope"].split() == [
        "https://outlook.office.com/IMAP.AccessAsUser.All",
        "https://outlook.office.com/SMTP.Send",
        "offline_access",
    ]
    apart = Connector("c", "support", "support@demo.example", incoming=connector().incoming, outgoing={**outgoing, "client_id": "app-2"})
    with pytest.raises(ConsentNeeded):
        tokens.token(apart, "outgoing")


@pytest.mark.parametrize(("name", "method"), [("google", "post"), ("other", "basic")])
def test_other_providers(make: Make, provider: Provider, name: str, method: str) -> None:
    """Google is asked at its own address with the mail scope; an own server by its token_url, with the secret as RFC 6749 wants it (Basic)."""
    one = connector(oauth_provider=name, **({"token_url": "https://sso.example/token", "scope": "mail"} if name == "other" else {}))
    make().consented(one, "refresh-0")
    (asked,) = provider.asked
    assert provider.urls == ["https://oauth2.googleapis.com/token" if name == "google" else "https://sso.example/token"]
    assert asked["scope"] == ("https://mail.google.com/" if name == "google" else "mail")
    assert ("client_secret" in asked, "authorization" in asked) == (method == "post", method == "basic")


def test_over_real_http(database: Database, keys: Keys, clock: FakeClock, provider: Provider, served: str) -> None:
    """The whole way over a real connection: granted, refused, and an endless answer cut off."""
    tokens = Tokens(database, keys, clock, ENVIRON, "host/1/a")
    one = connector(oauth_provider="other", token_url=f"{served}/token", scope="mail")
    tokens.consented(one, "refresh-0")
    assert tokens.token(one) == "access-1"
    assert provider.asked[0]["refresh_token"] == "refresh-0"
    tokens.rejected(one, "access-1")
    provider.script = [(200, b" " * 10_000_000)]
    with pytest.raises(TokenTrouble, match="too long"):
        tokens.token(one)
    provider.script = [(400, {"error": "invalid_grant"})]
    with pytest.raises(ConsentNeeded):
        tokens.token(one)
