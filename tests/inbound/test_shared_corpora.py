"""Mails, bounces, replies and forwards that nobody here wrote (../shared/corpus): measured against the expectations that came with them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from bench import corpora
from core.mail import Mail
from gateway.inbound.content import split
from gateway.inbound.filename import safe_name
from gateway.inbound.parse import decode, parse
from gateway.routing.forward import is_forward

FOLDER = Path(__file__).parents[3] / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the shared corpora are not at {FOLDER}")


def expected(path: Path) -> Any:
    return json.loads(path.with_suffix(".json").read_text("utf-8"))


def files(folder: str, pattern: str) -> list[Path]:
    return sorted((FOLDER / folder).glob(pattern)) if FOLDER.is_dir() else []


MIME = [path for path in files("mime", "*.eml") if path.with_suffix(".json").exists()]
DIFFERENT = {
    "legacy-010": "our reading of the raw 8-bit subject is the better one",
    "legacy-022": "our reading of the raw 8-bit subject is the better one",
}
UNCOUNTED = {
    "malformed-001": "the part without a body is no attachment",
    "malformed-002": "a multipart without parts is shown as text",
    "malformed-003": "a part with the boundary of the outer one belongs to the outer one",
    "malformed-009": "the outer boundary ends the inner multipart (RFC 2046 section 5.1.2)",
    "malformed-012": "the outer boundary ends the inner multipart (RFC 2046 section 5.1.2)",
    "thirdparty-002": "garbage in base64 is an empty text",
}


@pytest.mark.parametrize("path", MIME, ids=lambda path: path.stem)
def test_mime(path: Path) -> None:
    """Subject, addresses, id and attachments are those that another parser's authors expect."""
    found, wanted = parse(path.read_bytes()), expected(path)
    if path.stem not in DIFFERENT:
        assert found.subject == (wanted["subject"] or "")
    for field, addresses in (("from", found.from_), ("to", found.to), ("cc", found.cc)):
        assert [one.address for one in addresses] == wanted[field]
    assert found.message_id == (wanted["message_id"] or "")
    if path.stem not in UNCOUNTED:
        assert len(found.attachments) == len(wanted["attachments"])


def test_names_of_attachments() -> None:
    """At least 98 % of all attachments bear the name expected, made safe (paths go); where that reader lost a letter (U+FFFD) ours has one.

    Counted are all of them, also those of the mails above in which the two readers see another number of parts.
    """
    right = total = 0
    for path in MIME:
        wanted = expected(path)["attachments"]
        found = [one.name for one in parse(path.read_bytes()).attachments if not one.within]
        named = [name for name in wanted if name]
        total += len(named)
        right += sum(any(_same_name(name, ours) for ours in found) for name in named)
    assert right / total >= 0.98


def _same_name(theirs: str, ours: str) -> bool:
    """`C:TEMPa.png` lost its backslashes before it was compared."""
    pattern = ".".join(map(re.escape, safe_name(theirs.replace("C:TEMP", "")).split("\ufffd")))
    return re.fullmatch(pattern, ours) is not None


@pytest.mark.parametrize("path", files("mime", "*.eml") + files("bounces", "*.eml"), ids=lambda path: path.stem)
def test_any_mail_is_read_and_its_attachments_decoded(path: Path) -> None:
    """No mail raises, none takes long."""
    raw = path.read_bytes()
    began = time.process_time()
    found = parse(raw)
    assert time.process_time() - began < 1.0
    for one in found.attachments:
        decode(raw, one)


@pytest.mark.parametrize("folder", ["mime", "bounces"])
def test_bounds(folder: str) -> None:
    """Of mails that others wrote so many are read as their authors expect as `bench/corpora.py` asks for."""
    missed = [str(figure) for figure in corpora.PARTS[folder](FOLDER / folder) if not figure.holds]
    assert missed == []


def test_ordinary_mail_is_no_report() -> None:
    """No vacation notice, no reply, no forward and no other mail of the corpora is taken for a delivery report."""
    figure = corpora.ordinary(FOLDER, None)
    assert (figure.misses, figure.total > 200) == ([], True)


REPLIES = files("replies", "*.emails.txt")


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.name.removesuffix(".emails.txt"))
def test_replies(path: Path) -> None:
    """The new text is the golden one."""
    golden = path.with_name(path.name.replace(".emails.", ".trimmed.")).read_text("utf-8")
    assert split(path.read_text("utf-8"))[0].strip() == golden.strip()


def read(body: str, subject: str, *headers: str) -> Mail:
    """A mail with this text."""
    return parse("\n".join(["From: ann@x.org", f"Subject: {subject}", "Content-Type: text/plain; charset=utf-8", *headers, "", body]).encode())


@pytest.mark.parametrize("headers", [("Re: x", ()), ("x", ("In-Reply-To: <a@x.org>",))], ids=["by subject", "by header"])
def test_replies_as_mails(headers: tuple[str, tuple[str, ...]]) -> None:
    """At least 95 % of the new texts are the golden ones when they come as mails, white space folded."""
    subject, more = headers
    right = 0
    for path in REPLIES:
        golden = path.with_name(path.name.replace(".emails.", ".trimmed.")).read_text("utf-8")
        right += read(path.read_text("utf-8"), subject, *more).new_text.split() == golden.split()
    assert right >= 0.95 * len(REPLIES)


FORWARDS = [path for path in files("forwards", "*_body*.txt") if "variant_4" not in path.stem]
AMBIGUOUS = ("outlook_2019_en_body_variant_2",)
"""Without the subject nobody can tell this from an answer: a line of text above `On …, X wrote:`."""
SUBJECT = "Integer consequat non purus"


@pytest.mark.parametrize("path", FORWARDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("subject", [f"Fwd: {SUBJECT}", SUBJECT])
def test_forwards_stay_whole(path: Path, subject: str) -> None:
    """What was forwarded stays in the new text."""
    text = path.read_text("utf-8")
    mail = read(text, subject)
    if subject == SUBJECT and path.stem in AMBIGUOUS:
        return
    assert mail.quoted_text == ""
    assert ("Aenean quis" in text) == ("Aenean quis" in mail.new_text)


@pytest.mark.parametrize("subject", [f"Fwd: {SUBJECT}", SUBJECT])
def test_forwards(subject: str) -> None:
    """At least 95 % of the originals have their sender and subject, also where the subject does not say that the mail forwards."""
    found = [read(path.read_text("utf-8"), subject).forwarded for path in FORWARDS]
    who = [(one.from_.name, one.from_.address, one.subject) for one in found if one is not None and one.from_ is not None]
    assert who.count(("John Doe", "john.doe@acme.com", SUBJECT)) >= 0.95 * len(FORWARDS)
    assert sum(one is not None and "Aenean quis" in one.text for one in found) >= 0.95 * len(FORWARDS)


@pytest.mark.parametrize("path", files("forwards", "*_body_variant_4.txt"), ids=lambda path: path.stem)
def test_answers_among_the_forwards_are_none(path: Path) -> None:
    """The short answers of that corpus hand nothing on."""
    assert read(path.read_text("utf-8"), f"Re: {SUBJECT}").forwarded is None


@pytest.mark.parametrize("path", files("forwards", "*_variant_4.txt"), ids=lambda path: path.stem)
def test_answers_among_the_forwards_are_cut(path: Path) -> None:
    """The short answers of that corpus are split."""
    text = path.read_text("utf-8")
    if "Unicum iter" in text:
        assert "Unicum iter" not in split(text)[0]


def test_forward_subjects() -> None:
    """The prefixes of forwards in the languages of that corpus are known, and those of its answers are not taken for them."""
    subjects = [path.read_text("utf-8").strip() for path in files("forwards", "*_subject*.txt") if "variant_4" not in path.stem]
    assert sum(map(is_forward, subjects)) >= 0.95 * len(subjects)
    assert not any(is_forward(path.read_text("utf-8")) for path in files("forwards", "*_subject_variant_4.txt"))
