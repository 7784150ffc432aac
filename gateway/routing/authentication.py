"""What a server that we trust says about the sender: a tolerant reader of Authentication-Results (RFC 8601); nothing is verified here.

Anybody can write this header. Only the topmost one of each configured authserv-id counts; all others are ignored. Which servers are believed
for which mailbox is `vouching.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from core.agent_trust import Proof
from core.mail import Mail, domain_key

HEADER = "authentication-results"
MAX_CHARS = 8_000
MAX_RESULTS = 100


class Dmarc(StrEnum):
    """What is known of the From domain."""

    PASS = "pass"
    FAIL = "fail"
    NONE = "none"
    """Nobody whom we trust said anything."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """The finding and the sentence for the trace."""

    dmarc: Dmarc = Dmarc.NONE
    because: str = "no trusted server said anything about the sender"
    proof: str = ""
    """The `core.agent_trust.Proof` that it is for one of our own people; '' where it is good enough for customers only."""


@dataclass(frozen=True, slots=True)
class Result:
    """One `method=result` with its properties (`header.from=…`), all lower case."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> str:
        return next((value for key, value in self.properties if key == name), "")


def authentication(mail: Mail, trusted: Iterable[str]) -> Authentication:
    """DMARC as the trusted servers saw it. A failure anywhere among them wins; a pass must speak of the From domain."""
    wanted = {server.strip().lower() for server in trusted}
    if not wanted:
        return Authentication(because="no server is trusted to judge senders (connector setting trusted_authserv_ids)")
    passed = Authentication()
    agreed = True
    for server, results in trusted_results(mail, wanted):
        for result in results:
            if result.method != "dmarc":
                continue
            if result.result == "fail":
                return Authentication(Dmarc.FAIL, f"{server or 'the trusted server'} says that DMARC failed")
            if result.result == "pass":
                passed = passed_for(mail, server, result.of("header.from"))
            agreed = agreed and result.result == "pass" and bool(passed.proof)
    return passed if agreed else replace(passed, proof="")  # a server takes only fields with its own name out of what comes in: the other may be forged


def passed_for(mail: Mail, server: str, judged: str) -> Authentication:
    """A pass counts for one From domain only, the one that was judged (a mail with authors in two domains has no DMARC result)."""
    domains = {address.domain for address in mail.from_}
    if len(domains) != 1:
        return Authentication(because="DMARC passed, but the mail has authors in several domains")
    domain, judged = next(iter(domains)), domain_key(judged)
    if judged and judged != domain:
        return Authentication(because=f"DMARC passed for {judged}, but the mail is from {domain}")
    proof = Proof.DMARC if judged and has_one_author(mail) else ""
    return Authentication(Dmarc.PASS, f"{server or 'the trusted server'} says that DMARC passed for {domain}", proof)


def has_one_author(mail: Mail) -> bool:
    """Whether From is there once, with one address: else the server in front may have judged another author than the one that counts here."""
    return len(mail.from_) == 1 and len(mail.header_all("From")) <= 1


def trusted_results(mail: Mail, wanted: Collection[str]) -> Iterator[tuple[str, tuple[Result, ...]]]:
    """The topmost header of each of these servers with its results: those below may be anybody's."""
    left = set(wanted)
    for value in mail.header_all(HEADER):
        server, results = read(value)
        if server in left:
            left.discard(server)
            yield server, results


def read(value: str) -> tuple[str, tuple[Result, ...]]:
    """The authserv-id, lower case ('' where a server leaves it out, as Microsoft 365 does), and the results. Never raises."""
    pieces = [piece.strip() for piece in _plain(value[:MAX_CHARS]).split(";")]
    server = ""
    if pieces and "=" not in pieces[0]:
        server = (pieces.pop(0).split() or [""])[0].lower()
    results = (_result(piece) for piece in pieces[:MAX_RESULTS] if piece)
    return server, tuple(result for result in results if result is not None)


def _result(piece: str) -> Result | None:
    tokens = _tokens(piece)
    if not tokens:
        return None
    (method, result), properties = tokens[0], tokens[1:]
    return Result(method.partition("/")[0], result, tuple(properties))


def _tokens(piece: str) -> list[tuple[str, str]]:
    """`name=value` pairs; blanks around the equals sign are tolerated."""
    joined = "=".join(part.strip() for part in piece.split("="))
    pairs = (token.partition("=") for token in joined.split())
    return [(name.lower(), value.strip('"').lower()) for name, equals, value in pairs if equals and name]


def _plain(value: str) -> str:
    """Without comments (which nest) and with the content of quoted strings made harmless: no semicolon or blank in them survives."""
    out: list[str] = []
    depth = 0
    quoted = escaped = False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\" and (quoted or depth):
            escaped = True
        elif quoted:
            quoted = char != '"'
            out.append("" if char in '";= ' else char)
        elif char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            quoted = char == '"'
            out.append("" if quoted else char)
    return "".join(out)
