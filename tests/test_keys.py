"""The key file and what is signed with it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import BOUNCE_MAC_LENGTH, MAC_LENGTH, Keys, KeyTrouble

OLD, NEW = b"o" * 32, b"n" * 32


def test_a_new_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """`create` writes mode 0600, and a second `create` reads the same keys instead of replacing them."""
    path = tmp_path / "secret.key"
    first = Keys.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys.create(path).message_id("a", "x.org") == first.message_id("a", "x.org")


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (None, 0o600, "does not exist"),
        ("", 0o600, "at least 32 bytes"),
        ("c2hvcnQ=", 0o600, "at least 32 bytes"),
        ("not base64!", 0o600, "not base64"),
        ("b" * 44, 0o644, "chmod 600"),
        ("b" * 44, 0o640, "chmod 600"),
    ],
)
def test_a_bad_key_file_is_refused_with_a_sentence(tmp_path: Path, content: str | None, mode: int, sentence: str) -> None:
    """A missing, empty, short, garbled or readable key file stops the start and says what to do."""
    path = tmp_path / "secret.key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(KeyTrouble, match=sentence):
        Keys.load(path)


def test_our_message_id_is_recognised_in_any_letter_case(keys: Keys) -> None:
    """A signed Message-ID gives back the outbox id, also after a server changed the case of its letters."""
    signed = keys.message_id("0abc", "demo.example")
    assert len(signed.partition("@")[0].rpartition(".")[2]) == MAC_LENGTH
    assert keys.verified_message_id(signed) == "0abc"
    assert keys.verified_message_id(signed.upper()) == "0abc"


def test_the_domain_is_part_of_what_is_signed(keys: Keys) -> None:
    """A signature made for one connector's domain is worth nothing with another domain."""
    assert keys.verified_message_id(keys.message_id("0abc", "demo.example").replace("demo.", "evil.")) == ""


def test_each_purpose_has_its_own_key(keys: Keys) -> None:
    """A MAC made for a Message-ID is not one for a reply address."""
    assert not keys.verify("reply-address", "x", keys.sign("message-id", "x"))


def test_an_older_key_still_verifies() -> None:
    """After a rotation the old signatures are recognised and new ones are made with the new key."""
    before, after = Keys((OLD,)), Keys((NEW, OLD))
    assert after.verified_message_id(before.message_id("id1", "x.org")) == "id1"
    assert before.verified_message_id(after.message_id("id1", "x.org")) == ""


def test_a_reply_tag_gives_back_its_reference(keys: Keys) -> None:
    """The plus-tag of a signed reply address is verified without regard to letter case."""
    assert keys.verified_reply_tag(keys.reply_tag("101203-T").upper()) == "101203-T"
    assert keys.verified_reply_tag("101203-t") == ""


def test_a_bounce_tag_gives_back_its_mail(keys: Keys) -> None:
    """decisions.md 3: the tag names one mail in any letter case, fits beside a local part of 18 characters, and another mail's MAC is worth nothing."""
    one, two = keys.bounce_tag("0abc"), keys.bounce_tag("0abd")
    assert keys.verified_bounce_tag(one.upper()) == "0abc"
    assert 18 + len("+") + len(keys.bounce_tag("x" * 26)) == 64
    assert keys.verified_bounce_tag(one.replace("0abc", "0abd")) == ""
    assert keys.verified_bounce_tag(one[:-1]) == keys.verified_bounce_tag(one.removeprefix("b.")) == keys.verified_reply_tag(one) == ""
    assert keys.verified_bounce_tag(two) == "0abd"


@pytest.mark.parametrize("length", range(26))
def test_a_shorter_mac_is_no_mac(keys: Keys, length: int) -> None:
    """Only a MAC of the whole length counts: a beginning of it proves nothing, nor does a longer one."""
    mac = keys.sign("bounce-address", "0abc")[:length]
    assert bool(keys.verified_bounce_tag(f"b.0abc.{mac}")) is (length == BOUNCE_MAC_LENGTH)


@given(st.text(max_size=200))
def test_no_text_is_taken_for_signed_by_chance(text: str) -> None:
    """Garbage in gives '' and never an exception."""
    keys = Keys((OLD,))
    assert keys.verified_message_id(text) == ""
    assert keys.verified_reply_tag(text) == ""


def test_a_stored_secret_comes_back_and_a_foreign_one_is_refused(keys: Keys) -> None:
    """What was encrypted is decrypted with the same keys only, and never stands in clear in the token."""
    token = keys.encrypt("pass word")
    assert "pass" not in token and keys.decrypt(token) == "pass word"
    with pytest.raises(KeyTrouble, match="enter the secret again"):
        Keys((NEW,)).decrypt(token)


# ---------------------------------------------------------------- rotation


def test_rotation_adds_a_key_before_the_others(tmp_path: Path) -> None:
    """The new key signs, the old ones still verify; mode 0600, one line more, no file left beside it."""
    path = tmp_path / "secret.key"
    before = Keys.create(path)
    signed, sealed, old_line = before.message_id("id1", "x.org"), before.encrypt("pass"), path.read_text()
    after = Keys.rotate(path)
    assert after.verified_message_id(signed) == "id1"
    assert after.message_id("id1", "x.org") != signed
    assert after.decrypt(sealed) == "pass"
    assert Keys((OLD,)).verified_message_id(after.message_id("id1", "x.org")) == ""
    assert path.read_text().endswith(old_line)
    assert len(path.read_text().split()) == 2
    assert (stat.S_IMODE(path.stat().st_mode), list(tmp_path.iterdir())) == (0o600, [path])


def test_a_running_process_learns_of_a_rotation(tmp_path: Path) -> None:
    """Keys that were read before a rotation know what is signed and encrypted with the new key, and forget nothing where the file is gone."""
    path = tmp_path / "secret.key"
    running = Keys.create(path)
    signed = running.message_id("old", "x.org")
    after = Keys.rotate(path)
    assert running.decrypt(after.encrypt("pass")) == "pass"
    again = Keys.rotate(path)
    assert running.verified_message_id(again.message_id("new", "x.org")) == "new"
    path.unlink()
    assert running.verified_message_id(signed) == "old"
    with pytest.raises(KeyTrouble, match="enter the secret again"):
        running.decrypt(Keys((NEW,)).encrypt("pass"))


def test_a_rotation_that_cannot_be_done_changes_nothing(tmp_path: Path) -> None:
    """A second rotation at the same time, an unfit file, and a linked file: refused with a sentence, or done where the file really is."""
    path, link = tmp_path / "secret.key", tmp_path / "elsewhere.key"
    Keys.create(path)
    before = path.read_bytes()
    (tmp_path / "secret.key.new").write_text("")
    with pytest.raises(KeyTrouble, match="another rotation is under way"):
        Keys.rotate(path)
    assert path.read_bytes() == before
    (tmp_path / "secret.key.new").unlink()
    link.symlink_to(path)
    Keys.rotate(link)
    assert link.is_symlink()
    assert len(path.read_text().split()) == 2
    path.chmod(0o644)
    with pytest.raises(KeyTrouble, match="chmod 600"):
        Keys.rotate(path)
