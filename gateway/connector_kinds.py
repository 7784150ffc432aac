"""The ways a connector takes mail in and sends it, and the keys of each, as data; the doors and transports that use them are in `inbound/` and `outbound/`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from core.durations import parse_duration
from gateway.secrets import is_name

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `incoming = { … }` or `outgoing = { … }`; `choices` limits a text."""

    type: type
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    duration: bool = False
    """A text that is an ISO 8601 duration."""


_SENDING = {
    "retry_template": Key(str, "name of the retry template; without it the first one"),
    "unknown": Key(str, "after an unknown outcome of a person's mail: `repeat` (default) or `hold`", choices=("repeat", "hold")),
    "unknown_automatic": Key(str, "after an unknown outcome of an automatic mail: `hold` (default) or `repeat`", choices=("repeat", "hold")),
}

_RATE = {
    "rate": Key(int, "most mails within `rate_per`, over all processes; without it as many as the server takes"),
    "rate_per": Key(str, "the time that `rate` is about (default `PT1M`)", duration=True),
}

_SERVER = {
    "host": Key(str, "name of the server", required=True),
    "security": Key(str, "`tls` from the first byte (default), `starttls` (never falls back), or `none`", choices=("tls", "starttls", "none")),
    "user": Key(str, "user name", required=True),
    "password_env": Key(str, "name of the environment variable that holds the password"),
    "password_secret": Key(str, "name of the password in the secret store (`guichet secret set NAME`)"),
    "ca_file": Key(str, "certificates to trust instead of the system's (PEM)"),
}
OAUTH = {
    "auth": Key(str, "`password` (default), or with OAuth2 `xoauth2` or `oauthbearer`", choices=("password", "xoauth2", "oauthbearer")),
    "oauth_provider": Key(str, "`microsoft`, `google`, or `other` with `token_url`", choices=("microsoft", "google", "other")),
    "oauth_grant": Key(str, "`client_credentials` or `refresh_token`", choices=("client_credentials", "refresh_token")),
    "tenant": Key(str, "Microsoft: id or domain of the tenant"),
    "client_id": Key(str, "OAuth2: id of the application"),
    "client_secret_env": Key(str, "OAuth2: name of the environment variable that holds the secret of the application"),
    "token_url": Key(str, "OAuth2: where tokens are had, for provider `other`"),
    "authorize_url": Key(str, "OAuth2: the page where a person logs in (`guichet connector consent`), for provider `other`"),
    "device_url": Key(str, "OAuth2: where a log-in on another device begins (`guichet connector consent --device`), for provider `other`"),
    "scope": Key(str, "OAuth2: what is asked for, where it is not that of the provider"),
}
"""How to log in where a password is not enough; the same for fetching and sending."""
_POLLED = {
    "after": Key(str, "what is done with a mail there once it is ours: `leave` (default), `seen`, `move` or `delete`", choices=("leave", "seen", "move", "delete")),
    "every": Key(str, "pause between two looks (default `PT1M`)", duration=True),
    "start": Key(
        str,
        "mail that is there at the first connection: `now` (default: left alone), `unseen`, `since` or `archive`",
        choices=("now", "unseen", "since", "archive"),
    ),
    "since": Key(str, "with `start = \"since\"`: a date such as 2026-11-01"),
    "max_size": Key(int, "largest mail fetched, in bytes; of a larger one only the header is (default: that of the SMTP door)"),
}

INCOMING: Mapping[str, Mapping[str, Key]] = {
    "smtp": {},
    "lmtp": {},
    "imap": {
        **_SERVER,
        **OAUTH,
        **_POLLED,
        "port": Key(int, "port; by default 993, without `tls` 143"),
        "folders": Key(list, "folders to fetch from (default `[\"INBOX\"]`)"),
        "spam_folders": Key(list, "folders to fetch from as well, whose mail is marked as spam, such as `[\"Junk\"]`"),
        "mailbox": Key(str, "a shared mailbox that the user may open: its address (Microsoft: log-in name) or, with `namespace`, its folders' prefix"),
        "namespace": Key(str, "prefix of the shared mailbox's folders, such as `user/support/` (RFC 2342), where the server has them beside one's own"),
        "move_to": Key(str, "with `after = \"move\"`: the folder"),
        "idle": Key(bool, "wait with IDLE where the server offers it (default true)"),
    },
    "pop3": {
        **_SERVER,
        **OAUTH,
        **_POLLED,
        "after": Key(str, "what is done with a mail there once it is ours: `leave` (default) or `delete`", choices=("leave", "delete")),
        "port": Key(int, "port; by default 995, without `tls` 110"),
    },
    "maildir": {
        "path": Key(str, "folder, relative to the data folder", required=True),
        "after": Key(str, "`seen` (default: moved from new to cur) or `delete`", choices=("seen", "delete")),
        "every": _POLLED["every"],
        "start": _POLLED["start"],
        "since": _POLLED["since"],
        "max_size": _POLLED["max_size"],
    },
}
"""Kind → its keys besides `kind`. `smtp`, `lmtp`: mail for the connector's addresses is taken at that door. The others are fetched from (role `poll`)."""

POLLED_KINDS = ("imap", "pop3", "maildir")

OUTGOING: Mapping[str, Mapping[str, Key]] = {
    "smtp": {
        "host": Key(str, "name of the server", required=True),
        "port": Key(int, "port; by default 587, with `security = \"tls\"` 465, with `none` 25"),
        "security": Key(str, "`starttls` (default; never falls back), `tls` from the first byte, or `none`", choices=("starttls", "tls", "none")),
        "user": Key(str, "user name; without it nobody logs in"),
        "password_env": Key(str, "name of the environment variable that holds the password"),
        "password_secret": Key(str, "name of the password in the secret store (`guichet secret set NAME`)"),
        "ca_file": Key(str, "certificates to trust instead of the system's (PEM)"),
        "client_certificate": Key(str, "our certificate for servers that ask for one (PEM, with its key if `client_key` is not given), relative to the data folder"),
        "client_key": Key(str, "key of our certificate (PEM, not encrypted), relative to the data folder"),
        "connections": Key(int, "most connections of one process to this server at once (default 3)"),
        "connection_age": Key(str, "after this time a connection is replaced (default `PT5M`)", duration=True),
        "dsn": Key(bool, "ask for a report when a mail is delayed or not delivered, where the server offers that (default true)"),
        "sent_folder": Key(str, "also put each mail into this folder of the mailbox that `incoming` (kind `imap`) fetches from; `auto` for the one marked as Sent"),
        **OAUTH,
        **_RATE,
        **_SENDING,
    },
    "maildir": {"path": Key(str, "folder, relative to the data folder", required=True), **_RATE, **_SENDING},
}


def faults(way: str, kinds: Mapping[str, Mapping[str, Key]], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, sentence) for whatever is wrong with an `incoming` or `outgoing` table."""
    kind = given.get("kind")
    if kind not in kinds:
        yield "kind", f"{_shown(kind)} is no kind of {way} connector here; expected: {', '.join(kinds)}"
        return
    keys = kinds[str(kind)]
    for name, value in given.items():
        if name == "kind":
            continue
        if name == "password":
            yield name, "a password does not belong into the desk file; name an environment variable with password_env"
        elif name not in keys:
            yield name, f"unknown key; known for kind “{kind}”: {', '.join(['kind', *keys])}"
        else:
            yield from _value_faults(name, keys[name], value)
    if given.get("user") and not (given.get("password_env") or given.get("password_secret")) and "password_env" in keys and given.get("auth", "password") == "password":
        yield "password_env", "missing; with a user, the name of the environment variable with the password is expected, or password_secret"
    if given.get("password_env") and given.get("password_secret"):
        yield "password_secret", "there is password_env as well; name the password in one place only"
    yield from _together(given)
    yield from ((name, f"missing; {key.meaning} is expected") for name, key in keys.items() if key.required and name not in given)


def _together(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys that need another one beside them."""
    for key, value, needed, said in _NEEDS:
        if given.get(key) == value and not given.get(needed):
            yield needed, f"missing; with {key} = “{value}”, {said} is expected"
    if given.get("auth", "password") != "password":
        for needed in ("oauth_provider", "client_id"):
            if not given.get(needed):
                yield needed, f"missing; {OAUTH[needed].meaning} is expected"


_NEEDS = (
    ("after", "move", "move_to", "the name of a folder"),
    ("start", "since", "since", "a date such as 2026-11-01"),
    ("oauth_provider", "other", "token_url", "the address where tokens are had"),
    ("oauth_grant", "client_credentials", "client_secret_env", "the name of an environment variable"),
)
_TYPES = {int: "a whole number", str: "text", bool: "true or false", list: "a list of texts"}


def _value_faults(name: str, key: Key, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(value, key.type) or (isinstance(value, bool) and key.type is not bool):
        yield name, f"{_TYPES[key.type]} is expected, not {_shown(value)}"
    elif isinstance(value, list) and not (value and all(isinstance(one, str) and one.strip() for one in value)):
        yield name, "a list of texts is expected"
    elif key.duration and not _is_duration(str(value)):
        yield name, f"{_shown(value)} is no duration such as PT1M"
    elif name == "since" and not _is_date(str(value)):
        yield name, f"{_shown(value)} is no date such as 2026-11-01"
    elif key.choices and value not in key.choices:
        yield name, f"{_shown(value)} is not one of {', '.join(key.choices)}"
    elif name == "port" and not 1 <= int(value) <= 65535:  # type: ignore[call-overload]  # it is an int
        yield name, f"a port from 1 to 65535 is expected, not {value}"
    elif name in ("password_env", "client_secret_env") and not _VARIABLE.fullmatch(str(value)):
        yield name, "the name of an environment variable is expected"
    elif name == "password_secret" and not is_name(str(value)):
        yield name, "the name of a secret is expected: letters, digits and . _ @ - (guichet secret list)"
    elif key.required and not value:
        yield name, f"empty; {key.meaning} is expected"


def _is_duration(text: str) -> bool:
    try:
        return parse_duration(text) > timedelta(0)
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    return "nothing" if value is None else f"“{str(value)[:60]}”"
