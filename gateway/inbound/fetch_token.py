"""Access tokens as a fetcher asks for them: the troubles of `gateway/oauth/` become those of a mailbox that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound.fetching import FetchTrouble, NeedsConsent
from gateway.oauth.tokens import Tokens
from gateway.oauth.trouble import ConsentNeeded, TokenTrouble

Session = TypeVar("Session")


class FetchToken:
    """What `Means.token` is: call it for a token. It remembers the last one of each connector, in case the mailbox refuses that."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._given: dict[str, str] = {}

    def __call__(self, connector: Connector) -> str:
        """An access token. Raises NeedsConsent or FetchTrouble."""
        self._given.pop(connector.name, None)
        try:
            token = self._tokens.token(connector)
        except ConsentNeeded as needed:
            raise NeedsConsent(needed.meaning, str(needed)) from None
        except TokenTrouble as trouble:
            raise FetchTrouble(trouble.meaning, str(trouble)) from None
        self._given[connector.name] = token
        return token

    def refused(self, connector: Connector) -> bool:
        """The mailbox did not take the token last given, fresh as it looked: the next one is a new one. False if none was given."""
        token = self._given.pop(connector.name, "")
        if token:
            self._tokens.rejected(connector, token)
        return bool(token)


def with_fresh_token(token: Callable[[Connector], str], connector: Connector, open_session: Callable[[], Session]) -> Session:
    """What `open_session` returns; if the mailbox refuses the token it was given, once more with a new one."""
    try:
        return open_session()
    except NeedsConsent:
        raise
    except FetchTrouble as trouble:
        if trouble.meaning is not Meaning.LOGIN_REFUSED or not isinstance(token, FetchToken) or not token.refused(connector):
            raise
    return open_session()
