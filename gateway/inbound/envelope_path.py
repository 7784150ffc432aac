"""The argument of MAIL and RCPT (RFC 5321 section 4.1.2): an address in angle brackets and parameters; whose address it is, is asked elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_ADDRESS = 1000
MAX_DOMAIN = 255
ATOM_SPECIALS = frozenset('()<>[]:;@\\," ')


class BadPath(Exception):
    """The address is missing or malformed."""


class BadParameter(Exception):
    """What follows the address is not a list of `NAME` and `NAME=value`."""


@dataclass(frozen=True, slots=True)
class Path:
    """An address as given ('' is the null sender) and its parameters, names in upper case."""

    address: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_path(argument: str, keyword: str) -> Path:
    """`FROM:<a@b> SIZE=1` → Path. Tolerates spaces after the colon, missing brackets and source routes.

    Raises BadPath (keyword or address) and BadParameter.
    """
    if argument[: len(keyword)].upper() != keyword:
        raise BadPath
    text = argument[len(keyword) :].lstrip(" ")
    inner, rest = _bracketed(text) if text.startswith("<") else _bare(text)
    return Path(_address(_without_route(inner)), _parameters(rest))


def _bracketed(text: str) -> tuple[str, str]:
    """Up to the closing bracket that stands outside quotes."""
    quoted = escaped = False
    for position, character in enumerate(text[: MAX_ADDRESS + 2]):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            rest = text[position + 1 :]
            if rest and not rest.startswith(" "):
                raise BadParameter
            return text[1:position], rest
    raise BadPath


def _bare(text: str) -> tuple[str, str]:
    address, _, rest = text.partition(" ")
    if not address:
        raise BadPath
    return address, rest


def _without_route(inner: str) -> str:
    """`@a,@b:user@c` → `user@c`: routes are to be accepted and ignored (RFC 5321 appendix C)."""
    if not inner.startswith("@"):
        return inner
    route, colon, address = inner.partition(":")
    if not colon or '"' in route:
        raise BadPath
    return address


def _address(text: str) -> str:
    if not text:
        return ""
    if len(text) > MAX_ADDRESS or not text.isprintable():
        raise BadPath
    local, at, domain = text.rpartition("@")
    if not at:  # RCPT TO:<postmaster> has no domain (RFC 5321 section 4.5.1)
        local, domain = text, ""
    if not local or (at and not _is_domain(domain)):
        raise BadPath
    if local.startswith('"'):
        local = _quoted_local(local)
    elif not ATOM_SPECIALS.isdisjoint(local):
        raise BadPath
    return f"{local}@{domain}" if at else local


def _quoted_local(local: str) -> str:
    """A quoted local part as given, or without quotes where it needs none: `"support"@x` is `support@x`."""
    if len(local) < 3 or not local.endswith('"'):
        raise BadPath
    inner = local[1:-1]
    if ATOM_SPECIALS.isdisjoint(inner) and not inner.startswith(".") and not inner.endswith(".") and ".." not in inner:
        return inner
    escaped = False
    for character in inner:
        if not escaped and character == '"':
            raise BadPath
        escaped = not escaped and character == "\\"
    if escaped:
        raise BadPath
    return local


def _is_domain(domain: str) -> bool:
    if domain.startswith("[") and domain.endswith("]"):
        domain = domain[1:-1].replace(":", "")
    return 0 < len(domain) <= MAX_DOMAIN and ATOM_SPECIALS.isdisjoint(domain)


def _parameters(rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in rest.split():
        name, equals, value = word.partition("=")
        name = name.upper()
        if not name.replace("-", "").isalnum() or not name.isascii() or (equals and not value) or name in found:
            raise BadParameter
        found[name] = value
    return found
