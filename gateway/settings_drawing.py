"""The settings as a document, drawn from their declaration; the declaration is `settings.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.durations import write_duration
from gateway.settings import Settings
from gateway.settings_source import CONFIG_VARIABLE, keys, variable

HEAD = f"""# Settings

Drawn from the code by `guichet docs`; do not edit by hand.

Where things are, ports, limits and threads of one installation. What administrators configure (connectors, routes, processes, people)
is the *desk*: see `guichet config export`.

Order, the first that says something wins: command line (`guichet --set smtp.port=2526 …`), environment, credential files
(`$CREDENTIALS_DIRECTORY`, each named like the environment variable), `guichet.toml`, default. The file is the one named by `--config`, else by
`{CONFIG_VARIABLE}`, else `./guichet.toml`, else `/etc/guichet/guichet.toml`. An unknown key is an error; `guichet check` reports unknown names
in the environment; `guichet config show` prints what is in force and where it comes from. Durations are ISO 8601 (`PT30S`, `P5D`).
"""


def draw() -> str:
    """The document as Markdown: one table per section."""
    lines = [HEAD]
    section = None
    for path in keys():
        name = path[0] if len(path) > 1 else ""
        if name != section:
            section = name
            title = f"## [{name}]" if name else "## Top of the file"
            lines += ["", title, "", *_about(name), "| key | environment | default | meaning |", "|---|---|---|---|"]
        field = _field(path)
        lines.append(f"| `{path[-1]}` | `{variable(path)}` | {_default(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _about(section: str) -> list[str]:
    text = (Settings.model_fields[section].annotation.__doc__ or "") if section else ""
    return [text, ""] if text and not text.startswith("A table of") else []


def _field(path: tuple[str, ...]) -> Any:
    model: Any = Settings
    for name in path[:-1]:
        model = model.model_fields[name].annotation
    return model.model_fields[path[-1]]


def _default(value: object) -> str:
    if value is None or value == "":
        return "(none)"
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    if isinstance(value, tuple):
        return f"`{', '.join(value)}`"
    return f"`{value}`"
