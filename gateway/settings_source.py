"""Reading the settings from their sources, with a sentence for whatever is wrong; what the settings are is `settings.py`.

Order: command line > environment > credential files > guichet.toml > defaults (contract section 4).
"""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource
from pydantic_settings.sources import InitSettingsSource

from core.durations import write_duration
from gateway.settings import DELIMITER, PREFIX, Settings
from gateway.toml_lines import TomlTrouble, line_of, read_toml

CONFIG_VARIABLE = "GUICHET_CONFIG"
USUAL_FILES = (Path("guichet.toml"), Path("/etc/guichet/guichet.toml"))
_NOT_SETTINGS = (CONFIG_VARIABLE, "GUICHET_TEST_")
DOTS = "••••••"

EXTRAS: tuple[tuple[tuple[str, str], str, str, str], ...] = (
    (("database", "url"), "postgresql", "psycopg", "postgres"),
    (("broker", "url"), "redis", "redis", "redis"),
    (("broker", "url"), "amqp", "pika", "rabbitmq"),
)
"""(key, how its value begins, library that such a value needs, extra of the distribution that brings it)."""


class SettingsTrouble(Exception):
    """The settings make no sense; `str()` is one sentence naming the source, the key and what is expected (exit 78)."""


def find_file(given: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    """The settings file: the one named on the command line, else by GUICHET_CONFIG, else `./guichet.toml` or `/etc/guichet/guichet.toml` if there."""
    named = given or environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).absolute()
    return next((file.absolute() for file in USUAL_FILES if file.is_file()), None)


def load_settings(config: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """All settings of this process. `overrides` are nested tables from the command line. Raises SettingsTrouble."""
    file = find_file(config, os.environ)
    try:
        text, tables = read_toml(file) if file else ("", {})
    except TomlTrouble as trouble:
        raise SettingsTrouble(str(trouble)) from None
    sources = Sources(file, text, tables, dict(overrides or {}), _credentials(os.environ))
    try:
        settings = sources.model()(**sources.overrides)
    except ValidationError as fault:
        raise SettingsTrouble(sources.sentence(fault)) from None
    _require_libraries(settings, sources)
    return _placed(settings, sources)


class Sources:
    """What each source says, kept to build the settings and to name the culprit."""

    def __init__(self, file: Path | None, text: str, tables: dict[str, Any], overrides: dict[str, Any], credentials: dict[str, str]) -> None:
        self.file = file
        self.text = text
        self.tables = tables
        self.overrides = overrides
        self.credentials = credentials

    def model(self) -> type[Settings]:
        """The settings class, told where to read."""
        tables, credentials = self.tables, self.credentials

        class Sourced(Settings):
            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,
                file_secret_settings: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return (init_settings, env_settings, _CredentialSource(settings_cls, credentials), InitSettingsSource(settings_cls, tables))

        return Sourced

    def origin(self, path: tuple[str, ...]) -> str:
        """Where the value of a key comes from; '' for a default."""
        name = variable(path)
        if _inside(self.overrides, path):
            return "command line"
        if any(key.upper() == name and value for key, value in os.environ.items()):
            return f"environment {name}"
        if name in self.credentials:
            return f"credential {name}"
        if self.file is not None and _inside(self.tables, path):
            line = line_of(self.text, ".".join(path))
            return f"{self.file}, line {line}" if line else str(self.file)
        return ""

    def sentence(self, fault: ValidationError) -> str:
        """One sentence for the first fault."""
        first = fault.errors(include_url=False)[0]
        path = tuple(str(part) for part in first["loc"])
        key = ".".join(path)
        said = _unknown(path) if first["type"] == "extra_forbidden" else _expected(key, first["msg"], first["input"])
        return f"{self.origin(path) or 'settings'}: {key}: {said}"


def variable(path: tuple[str, ...]) -> str:
    """The environment variable of a key: `("smtp", "port")` → `GUICHET_SMTP__PORT`."""
    return PREFIX + DELIMITER.join(path).upper()


def keys(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key there is, in order of declaration."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, (*path, name))
        else:
            yield (*path, name)


def unknown_variables(environ: Mapping[str, str], also_known: frozenset[str] = frozenset()) -> list[str]:
    """A sentence for each GUICHET_* name that means nothing; pydantic-settings passes over most of them in silence."""
    known = {variable(path) for path in keys()}
    strange = [name for name in sorted(environ) if name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS) and name not in known | also_known]
    return [f"{name} is no setting{_perhaps(name, known)}." for name in strange]


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """(key, value, origin) of every setting, secrets dotted."""
    rows = []
    for path in keys():
        value: Any = settings
        for name in path:
            value = getattr(value, name)
        key = ".".join(path)
        rows.append((key, _written(key, value), settings.origins.get(key, "default")))
    return rows


def without_password(url: str) -> str:
    """A URL with its password dotted."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return DOTS
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{DOTS}@{host}"))


class _CredentialSource(EnvSettingsSource):
    """Files in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=), each named like the environment variable it stands for."""

    def __init__(self, settings_cls: type[BaseSettings], credentials: Mapping[str, str]) -> None:
        self._files = credentials
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._files.items()}


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return {}
    files = (file for file in Path(folder).iterdir() if file.name.upper().startswith(PREFIX) and file.is_file())
    try:
        return {file.name.upper(): file.read_text("utf-8").strip() for file in files}
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsTrouble(f"The credential files in {folder} cannot be read: {fault}.") from None


def _require_libraries(settings: Settings, sources: Sources) -> None:
    """Raises SettingsTrouble for a value that needs a library which is not installed; nothing is imported."""
    for path, begins, library, extra in EXTRAS:
        section, name = path
        value = str(getattr(getattr(settings, section), name))
        if value.startswith(begins) and importlib.util.find_spec(library) is None:
            key = ".".join(path)
            said = f"{_written(key, value)} needs the library {library}, which is not installed; pip install 'guichet[{extra}]' brings it."
            raise SettingsTrouble(f"{sources.origin(path) or 'settings'}: {key}: {said}")


def _placed(settings: Settings, sources: Sources) -> Settings:
    """The settings with absolute paths and what is known of where they came from."""
    base = sources.file.parent if sources.file is not None else Path.cwd()
    placed = Settings.model_construct(**{**{name: getattr(settings, name) for name in Settings.model_fields}, "data": (base / settings.data).absolute()})
    placed._file = sources.file
    placed._origins = {".".join(path): origin for path in keys() if (origin := sources.origin(path))}
    return placed


def _inside(tables: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    here: Any = tables
    for name in path:
        if not isinstance(here, Mapping) or name not in here:
            return False
        here = here[name]
    return True


def _unknown(path: tuple[str, ...]) -> str:
    beside = sorted({known[len(path) - 1] for known in keys() if known[: len(path) - 1] == path[:-1]})
    near = difflib.get_close_matches(path[-1], beside, 1)
    return f"unknown key; did you mean “{near[0]}”?" if near else f"unknown key; known here: {', '.join(beside)}."


def _expected(key: str, message: str, given: object) -> str:
    message = message.removeprefix("Value error, ").rstrip(".")
    message = f"{message[:1].lower()}{message[1:]}"
    said_already = isinstance(given, (dict, BaseModel)) or f"“{given}”" in message
    return f"{message}." if said_already else f"{message}, not {_written(key, given)!r}."


def _perhaps(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _written(key: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, tuple):
        return ", ".join(value)
    return without_password(str(value)) if key.endswith("url") else str(value)
