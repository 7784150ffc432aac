"""The application that a connector is at its provider: addresses, scopes and grant, read out of the connector's keys; nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, urlsplit

from core.delivery import Meaning
from core.setup import Connector
from gateway.oauth.trouble import TokenTrouble

CONSENTED = "refresh_token"
APP_ONLY = "client_credentials"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is asked; `{tenant}` is that of the connector. `method` is how the application shows its secret (RFC 6749 section 2.3.1)."""

    token_url: str = ""
    authorize_url: str = ""
    device_url: str = ""
    method: str = "client_secret_basic"
    app_scope: str = ""
    scopes: Mapping[str, str] | None = None
    """Kind of connector → scope that a person grants for it."""
    further: str = ""
    """Scope without which there is no refresh token."""
    asked: Mapping[str, str] | None = None
    """More parameters of the log-in page."""


_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
_GOOGLE_MAIL = "https://mail.google.com/"

PROVIDERS: Mapping[str, Provider] = {
    "microsoft": Provider(
        token_url=f"{_MICROSOFT}/token",
        authorize_url=f"{_MICROSOFT}/authorize",
        device_url=f"{_MICROSOFT}/devicecode",
        method="client_secret_post",
        app_scope="https://outlook.office365.com/.default",
        scopes={
            "imap": "https://outlook.office.com/IMAP.AccessAsUser.All",
            "pop3": "https://outlook.office.com/POP.AccessAsUser.All",
            "smtp": "https://outlook.office.com/SMTP.Send",
        },
        further="offline_access",
        asked={"prompt": "select_account"},
    ),
    "google": Provider(
        token_url="https://oauth2.googleapis.com/token",
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        method="client_secret_post",  # no device_url: Google gives no mail scope to devices
        app_scope=_GOOGLE_MAIL,
        scopes=dict.fromkeys(("imap", "pop3", "smtp"), _GOOGLE_MAIL),
        asked={"access_type": "offline", "prompt": "consent"},  # without both there is no refresh token the second time
    ),
    "other": Provider(),
}
"""Name of the key `oauth_provider` → what is known of it."""


@dataclass(frozen=True, slots=True)
class Application:
    """What is shown to the provider for one connector and one way. `row` names its tokens in the store."""

    connector: str
    row: str
    provider: Provider
    grant: str
    client_id: str
    secret_variable: str
    token_url: str
    authorize_url: str
    device_url: str
    scope: str
    user: str

    @property
    def identity(self) -> str:
        """Tokens had under another identity are not used: the operator changed the application or the person."""
        return _digest(self.token_url, self.client_id, self.grant, self.user)

    @property
    def access_identity(self) -> str:
        """The same for access tokens, which also stand for what was asked for."""
        return _digest(self.identity, self.scope)


def application_of(connector: Connector, way: str = "incoming") -> Application:
    """The application of one way of a connector. Raises TokenTrouble where its keys cannot work."""
    keys = connector.incoming if way == "incoming" else connector.outgoing
    found = _application(connector, keys, connector.name)
    if way != "incoming" and _uses_oauth(connector.incoming):
        shared = _application(connector, connector.incoming, connector.name)
        if shared.identity != found.identity or shared.scope != found.scope:
            return _application(connector, keys, f"{connector.name}/outgoing")
    return found


def _application(connector: Connector, keys: Mapping[str, object], row: str) -> Application:
    name = _text(keys, "oauth_provider")
    provider = PROVIDERS.get(name)
    if provider is None or not _text(keys, "client_id"):
        known = ", ".join(PROVIDERS)
        raise TokenTrouble(Meaning.TROUBLE, f"Connector {connector.name}: oauth_provider ({known}) and client_id are expected for a log-in with OAuth2.")
    grant = _text(keys, "oauth_grant") or CONSENTED
    tenant = _text(keys, "tenant")
    if name == "microsoft" and grant == APP_ONLY and not tenant:
        raise TokenTrouble(Meaning.TROUBLE, f"Connector {connector.name}: the grant client_credentials needs the id or the domain of the tenant.")
    place = quote(tenant or "organizations", safe="")

    def address(key: str, known: str) -> str:
        return _safe(connector.name, key, _text(keys, key) or known.replace("{tenant}", place))

    return Application(
        connector=connector.name,
        row=row,
        provider=provider,
        grant=grant,
        client_id=_text(keys, "client_id"),
        secret_variable=_text(keys, "client_secret_env"),
        token_url=address("token_url", provider.token_url),
        authorize_url=address("authorize_url", provider.authorize_url),
        device_url=address("device_url", provider.device_url),
        scope=_text(keys, "scope") or _scope(provider, grant, connector, keys),
        user=_text(keys, "user"),
    )


def _scope(provider: Provider, grant: str, connector: Connector, keys: Mapping[str, object]) -> str:
    """What one consent has to cover: fetching, and sending too where both are the same application and person."""
    if grant == APP_ONLY:
        return provider.app_scope
    both: tuple[Mapping[str, object], ...] = (connector.incoming, connector.outgoing)
    ways = [way for way in both if _uses_oauth(way) and all(_text(way, key) == _text(keys, key) for key in _SHARED)]
    kinds = [_text(way, "kind") for way in (ways or [keys])]
    wanted = [(provider.scopes or {}).get(kind, "") for kind in kinds]
    return " ".join(dict.fromkeys(filter(None, (*wanted, provider.further))))


_SHARED = ("oauth_provider", "oauth_grant", "tenant", "client_id", "token_url", "user")


def _uses_oauth(keys: Mapping[str, object]) -> bool:
    return _text(keys, "auth") in ("xoauth2", "oauthbearer")


def _safe(connector: str, key: str, url: str) -> str:
    """A secret travels to this address, so it is encrypted on the way, unless it does not leave the machine."""
    try:
        parts = urlsplit(url)
        fine = not url or (bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)))
    except ValueError:
        fine = False
    if not fine or (key == "token_url" and not url):
        raise TokenTrouble(Meaning.TROUBLE, f"Connector {connector}: {key} must be an address that begins with https://")
    return url


def _text(keys: Mapping[str, object], name: str) -> str:
    return str(keys.get(name) or "")


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
