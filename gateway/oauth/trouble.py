"""What can go wrong on the way to an access token, as two exceptions; what a fetcher or a transport makes of them is their own matter."""

from __future__ import annotations

import re
import shlex

from core.delivery import Meaning

MAX_WORDS = 300


class TokenTrouble(Exception):
    """No access token can be had now. `meaning`: PASSING goes away by itself, TROUBLE and LOGIN_REFUSED need somebody. `str()` holds no secret."""

    def __init__(self, meaning: Meaning, words: str) -> None:
        super().__init__(words)
        self.meaning = meaning


class ConsentNeeded(TokenTrouble):
    """A person must log in at the provider again; the words name the command. Nothing is asked of the provider until then."""


def consent_needed(connector: str, words: str) -> ConsentNeeded:
    """The sentence for whoever can log in again."""
    said = f" ({words})" if words else ""
    command = f"guichet connector consent {shlex.quote(connector)}"
    return ConsentNeeded(
        Meaning.LOGIN_REFUSED,
        f"The provider wants a person to log in again for connector {connector}{said}. Mail stays where it is until then. Run: {command}",
    )


def clean(words: str, *secrets: str) -> str:
    """A provider's words on one printable line, bounded, and without what must not be shown."""
    for secret in secrets:
        if len(secret) >= 4:
            words = words.replace(secret, "…")
    words = re.sub(r"\s+", " ", words[: 4 * MAX_WORDS])
    return "".join(character for character in words if character.isprintable()).strip()[:MAX_WORDS]
