"""The settings: where they come from, in which order, and what is said when they make no sense."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import Settings
from gateway.settings_source import SettingsTrouble, keys, load_settings, shown, unknown_variables, variable, without_password
from gateway.toml_lines import line_of

GOOD = """\
# a comment
data = "var"

[database]
url = "postgresql+psycopg://ann:geheim@db/guichet"

[smtp]
port = 2527
command_timeout = "PT30S"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without any of our variables in the environment."""
    import os

    for name in list(os.environ):
        if name.startswith("GUICHET_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> Path:
    """A settings file in the working folder."""
    path = folder / "guichet.toml"
    path.write_text(GOOD, "utf-8")
    return path


def test_without_anything_the_defaults_are_in_force(folder: Path) -> None:
    """No file is needed; places are relative to the working folder."""
    settings = load_settings()
    assert settings.file is None
    assert settings.smtp.max_size == 45 * 2**20
    assert settings.database_url == f"sqlite:///{folder}/guichet.db"
    assert settings.key_file == folder / "secret.key"
    assert settings.broker.url == ""


def test_the_file_is_read_and_places_are_relative_to_it(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of the file count; `data` is relative to the file, wherever the command runs."""
    monkeypatch.chdir("/")
    settings = load_settings(file)
    assert (settings.smtp.port, settings.smtp.command_timeout) == (2527, timedelta(seconds=30))
    assert settings.data == tmp_path / "var"
    assert settings.key_file == tmp_path / "var" / "secret.key"
    assert settings.file == file


def test_the_order_of_the_sources(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, then environment, then credential files, then the file, then the default (contract section 4)."""
    credentials = folder / "credentials"
    credentials.mkdir()

    def port() -> tuple[int, str]:
        settings = load_settings(file, overrides)
        return settings.smtp.port, settings.origins["smtp.port"]

    overrides: dict[str, object] = {}
    assert port() == (2527, f"{file}, line 8")
    (credentials / "GUICHET_SMTP__PORT").write_text("2528\n", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert port() == (2528, "credential GUICHET_SMTP__PORT")
    monkeypatch.setenv("GUICHET_SMTP__PORT", "2529")
    assert port() == (2529, "environment GUICHET_SMTP__PORT")
    overrides = {"smtp": {"port": "2530"}}
    assert port() == (2530, "command line")
    assert load_settings(file, overrides).smtp.command_timeout == timedelta(seconds=30), "other keys of the table keep their value"


def test_which_file_is_meant(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config, else GUICHET_CONFIG, else ./guichet.toml."""
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text(f'[web]\nhost = "{name}"\n', "utf-8")
    assert load_settings().web.host == "127.0.0.1"
    monkeypatch.setenv("GUICHET_CONFIG", str(folder / "a.toml"))
    assert load_settings().web.host == "a"
    assert load_settings("b.toml").web.host == "b"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 2527", "prot = 2527", ", line 8: smtp.prot: unknown key; did you mean “port”?"),
        ("[smtp]", "[smpt]", ", line 7: smpt: unknown key; did you mean “smtp”?"),
        ('data = "var"', 'zzz = "var"', ", line 2: zzz: unknown key; known here: agent_mail, alarm, broker, data, database, keys,"),
        ("port = 2527", "port = 99999", ", line 8: smtp.port: input should be less than or equal to 65535, not '99999'."),
        ("port = 2527", 'port = "x"', ", line 8: smtp.port: input should be a valid integer"),
        ('"PT30S"', '"30"', ", line 9: smtp.command_timeout: “30” is not a duration in ISO 8601 such as P5D, PT2H, PT10S or P1DT2H."),
        ('"PT30S"', "30", ", line 9: smtp.command_timeout: “30” is not a duration"),
        ("postgresql+psycopg", "mysql", ", line 5: database.url: a URL that begins with sqlite:/// or postgresql+psycopg:// is expected, not 'mysql://ann:••••••@db/guichet'."),
        ("port = 2527", 'tls_key = "x"', ", line 7: smtp: tls_key needs tls_certificate beside it."),
        ("port = 2527", 'unlimited_peers = ["10.0.0.0/99"]', ", line 8: smtp.unlimited_peers: “10.0.0.0/99” is no network such as 10.0.0.0/8"),
        ("[smtp]", "[smtp", " is not valid TOML: Expected ']' at the end of a table declaration (at line 7, column 6)."),
    ],
)
def test_a_wrong_file_is_one_sentence(file: Path, old: str, new: str, said: str) -> None:
    """File, line, key, and what is expected; never a password."""
    file.write_text(GOOD.replace(old, new), "utf-8")
    with pytest.raises(SettingsTrouble) as wrong:
        load_settings()
    assert str(wrong.value).removeprefix(str(file)).startswith(said), str(wrong.value)
    assert "geheim" not in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GUICHET_SMTP__PORT", "abc", "environment GUICHET_SMTP__PORT: smtp.port: input should be a valid integer"),
        ("GUICHET_SMTP__PROT", "1", "environment GUICHET_SMTP__PROT: smtp.prot: unknown key; did you mean “port”?"),
        ("GUICHET_BROKER__URL", "http://x", "environment GUICHET_BROKER__URL: broker.url: a URL that begins with redis://"),
    ],
)
def test_a_wrong_environment_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    """The variable is named."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsTrouble) as wrong:
        load_settings()
    assert str(wrong.value).startswith(said), str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value", "library", "extra"),
    [
        ("GUICHET_DATABASE__URL", "postgresql+psycopg://ann:geheim@db/guichet", "psycopg", "postgres"),
        ("GUICHET_BROKER__URL", "redis://:geheim@host/0", "redis", "redis"),
        ("GUICHET_BROKER__URL", "rediss://:geheim@host/0", "redis", "redis"),
        ("GUICHET_BROKER__URL", "amqp://ann:geheim@host/", "pika", "rabbitmq"),
    ],
)
def test_a_library_that_is_not_installed_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, library: str, extra: str
) -> None:
    """The value that needs it, and what brings it; never a password."""
    monkeypatch.setenv(name, value)
    load_settings()
    monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None if wanted == library else wanted)
    with pytest.raises(SettingsTrouble) as wrong:
        load_settings()
    assert str(wrong.value).startswith(f"environment {name}: ")
    assert f"needs the library {library}, which is not installed; pip install 'guichet[{extra}]'" in str(wrong.value)
    assert "geheim" not in str(wrong.value)


def test_a_missing_file_is_a_sentence(folder: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(SettingsTrouble, match=r"nowhere\.toml does not exist"):
        load_settings("nowhere.toml")


def test_lists_in_the_environment_are_separated_by_commas(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No JSON needs to be written."""
    monkeypatch.setenv("GUICHET_SMTP__UNLIMITED_PEERS", "10.0.0.0/8, ::1")
    assert load_settings().smtp.unlimited_peers == ("10.0.0.0/8", "::1")


def test_secrets_are_dotted(file: Path) -> None:
    """What is printed at start shows where each value comes from and no password."""
    rows = {key: (value, origin) for key, value, origin in shown(load_settings())}
    assert rows["database.url"] == ("postgresql+psycopg://ann:••••••@db/guichet", f"{file}, line 5")
    assert rows["smtp.command_timeout"] == ("PT30S", f"{file}, line 9")
    assert rows["web.port"] == ("8080", "default")
    assert set(rows) == {".".join(path) for path in keys()}


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("redis://:pw@host:6379/1", "redis://:••••••@host:6379/1"),
        ("amqp://u:p%40w@host", "amqp://u:••••••@host"),
        ("sqlite:///guichet.db", "sqlite:///guichet.db"),
        ("postgresql+psycopg://host/name", "postgresql+psycopg://host/name"),
        ("redis://[::1", "••••••"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, safe: str) -> None:
    """Whatever the scheme."""
    assert without_password(url) == safe


def test_strange_names_in_the_environment_are_reported() -> None:
    """pydantic-settings passes over them in silence; our own test variables, the file's name and known passwords are none."""
    environ = {
        "GUICHET_SMTP__PORT": "1",
        "GUICHET_SMPT__PORT": "1",
        "GUICHET_PORT": "1",
        "GUICHET_CONFIG": "x",
        "GUICHET_TEST_POSTGRES_URL": "x",
        "GUICHET_SUPPORT_PASSWORD": "x",
        "HOME": "/",
    }
    found = unknown_variables(environ, frozenset({"GUICHET_SUPPORT_PASSWORD"}))
    assert [sentence.split()[0] for sentence in found] == ["GUICHET_PORT", "GUICHET_SMPT__PORT"]
    assert "did you mean GUICHET_SMTP__PORT?" in found[1]


def test_the_names_of_variables() -> None:
    """Prefix, sections by two underscores."""
    assert variable(("smtp", "port")) == "GUICHET_SMTP__PORT"
    assert variable(("data",)) == "GUICHET_DATA"


def test_settings_cannot_be_changed() -> None:
    """They are read once."""
    with pytest.raises(Exception, match="frozen"):
        Settings().smtp.port = 1  # type: ignore[misc]  # that is what is refused


LINES = '''\
a = 1
[b]
c = 2
[[l]]
n = 1
[[l]]
"n" = 2
inline = { kind = 1 }
[l.w]
k = 3
[[l]]
text = """
[[l]]
n = 9
"""
after = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a", 1),
        ("b.c", 3),
        ("b", 2),
        ("b.x", 2),
        ("l[1].n", 5),
        ("l[2].n", 7),
        ("l[2].w.k", 10),
        ("l[2].w", 9),
        ("l[2].inline.kind", 8),
        ("l[3].after", 16),
        ("l[3].text", 12),
        ("l", 4),
        ("nothing", None),
    ],
)
def test_lines_of_keys(path: str, line: int | None) -> None:
    """A key is found in tables, lists of tables and inline tables, past texts of several lines; a missing one is at the table around it."""
    assert line_of(LINES, path) == line


@given(st.text(max_size=300), st.text(alphabet="abl.[]12", max_size=20))
def test_any_text_and_path_give_a_line_or_none(text: str, path: str) -> None:
    """The search for a line never fails."""
    line = line_of(text, path)
    assert line is None or 1 <= line <= len(text.splitlines())
