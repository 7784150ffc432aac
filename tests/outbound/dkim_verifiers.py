"""Who verifies signatures in the tests, against a DNS server of theirs: dkimpy, and Mail::DKIM (Perl), which shares nothing with it; for Ed25519, RFC 8463 by hand."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256

import dkim
import dns.resolver
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_PERL = r"""
use strict; use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], searchlist => [], retry => 1));
my $verifier = Mail::DKIM::Verifier->new(); binmode STDIN;
local $/; $verifier->PRINT(<STDIN>); $verifier->CLOSE;
print $_->algorithm, ' ', $_->selector, ' ', $_->result, "\n" for $verifier->signatures;
"""


def perl_missing() -> str:
    """Why Mail::DKIM cannot be asked, '' if it can."""
    if shutil.which("perl") is None:
        return "Perl is not installed"
    done = subprocess.run(["perl", "-MMail::DKIM::Verifier", "-MNet::DNS", "-e", "1"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "Mail::DKIM is not installed (libmail-dkim-perl)"


def by_perl(raw: bytes, port: int) -> list[str]:
    """`algorithm selector result` of each signature, as Mail::DKIM says."""
    done = subprocess.run(["perl", "-e", _PERL, str(port)], input=raw, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def by_dkimpy(raw: bytes, port: int) -> list[bool]:
    """Whether each signature verifies, from the first to the last."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port

    def key(name: bytes, timeout: float = 5) -> bytes:
        (answer,) = resolver.resolve(name.decode().rstrip("."), "TXT", search=False)
        return b"".join(answer.strings)

    message = dkim.DKIM(raw)
    count = sum(1 for name, _ in message.headers if name.lower() == b"dkim-signature")
    found = []
    for number in range(count):
        try:
            found.append(bool(dkim.DKIM(raw).verify(number, dnsfunc=key)))
        except dkim.ValidationError:  # the body is another one
            found.append(False)
    return found


def ed25519_by_hand(raw: bytes, public: str) -> bool:
    """RFC 8463 with relaxed/relaxed, from its text, for the first signature of that algorithm: Mail::DKIM of Debian 12 does not know it yet."""
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = [field.split(b":", 1) for field in re.split(rb"\r\n(?![ \t])", head)]
    (signature,) = (value for name, value in fields if name.lower() == b"dkim-signature" and b"a=ed25519-sha256" in value)
    tags = {name.strip(): re.sub(rb"\s", b"", value) for name, _, value in (tag.partition(b"=") for tag in signature.split(b";"))}
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    if b64encode(sha256(b"".join(line + b"\r\n" for line in lines)).digest()) != tags[b"bh"]:
        return False
    left, text = list(fields), b""
    for name in tags[b"h"].split(b":"):
        last = next((one for one in reversed(left) if one[0].lower() == name), None)
        if last is not None:
            left.remove(last)
            text += _relaxed(*last) + b"\r\n"
    text += _relaxed(b"dkim-signature", re.sub(rb"b=[^;]*\Z", b"b=", signature))
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(public)).verify(b64decode(tags[b"b"]), sha256(text).digest())
    except InvalidSignature:
        return False
    return True


def _relaxed(name: bytes, value: bytes) -> bytes:
    return name.lower().strip() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
