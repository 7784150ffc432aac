"""Mails, bounces, replies and forwards that nobody here wrote (../shared/corpus): measured against the expectations that came with them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.inbound.content import split
from gateway.inbound.parse import decode, parse

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


@pytest.mark.parametrize("path", files("mime", "*.eml") + files("bounces", "*.eml"), ids=lambda path: path.stem)
def test_any_mail_is_read_and_its_attachments_decoded(path: Path) -> None:
    """No mail raises, none takes long."""
    raw = path.read_bytes()
    began = time.process_time()
    found = parse(raw)
    assert time.process_time() - began < 1.0
    for one in found.attachments:
        decode(raw, one)


def test_bounces() -> None:
    """Of the daemons' mails at least 93 % name the recipient expected, and 97 % of those with an id name that."""
    right = total = ids_right = ids = false = 0
    for path in files("bounces", "*.eml"):
        failures = [one for one in expected(path) if one["reason"] != "feedback"]
        report = parse(path.read_bytes()).report
        named = {one.address.lower() for one in report.recipients} if report else set()
        false += not failures and bool(named) and path.stem.startswith(("rfc3834", "arf"))
        if failures:
            total += 1
            right += {one["recipient"].lower() for one in failures} <= named
        wanted = {one["messageid"] for one in failures} - {""}
        ids += bool(wanted)
        ids_right += bool(wanted) and report is not None and report.original_message_id in wanted
    assert right / total >= 0.93
    assert ids_right / ids >= 0.97
    assert false == 0


REPLIES = files("replies", "*.emails.txt")


@pytest.mark.parametrize("path", REPLIES, ids=lambda path: path.name.removesuffix(".emails.txt"))
def test_replies(path: Path) -> None:
    """The new text is the golden one."""
    golden = path.with_name(path.name.replace(".emails.", ".trimmed.")).read_text("utf-8")
    assert split(path.read_text("utf-8"))[0].strip() == golden.strip()


AMBIGUOUS = ("ionos", "new_outlook_2019_en_body_variant_15", "outlook_2019_en_body_variant_2", "outlook_live_en_body_variant")
"""Without the subject nobody can tell these from answers: a line of text above a header block."""
FORWARDS = [path for path in files("forwards", "*_body*.txt") if "variant_4" not in path.stem and not path.stem.startswith(AMBIGUOUS)]


@pytest.mark.parametrize("path", FORWARDS, ids=lambda path: path.stem)
def test_forwards_stay_whole(path: Path) -> None:
    """What was forwarded stays in the new text."""
    text = path.read_text("utf-8")
    if "Aenean quis" in text:
        assert "Aenean quis" in split(text)[0]


@pytest.mark.parametrize("path", files("forwards", "*_variant_4.txt"), ids=lambda path: path.stem)
def test_answers_among_the_forwards_are_cut(path: Path) -> None:
    """The short answers of that corpus are split."""
    text = path.read_text("utf-8")
    if "Unicum iter" in text:
        assert "Unicum iter" not in split(text)[0]


def test_forward_subjects() -> None:
    """Most prefixes of forwards in the languages of that corpus are known."""
    from gateway.routing.forward import is_forward

    subjects = [path.read_text("utf-8").strip() for path in files("forwards", "*_subject*.txt")]
    assert sum(map(is_forward, subjects)) >= 0.6 * len(subjects)
