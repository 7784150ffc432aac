"""Files handed out by commands: bytes as they are, into a new file or on standard output; results in words and as JSON are `shown.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

output_option: Callable[..., Any] = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file that is not there yet; without it standard output."
)


def hand_out(content: bytes, output: Path | None, *, still: str) -> bool:
    """Whether it went into the file; without one it went to standard output. Raises Refused, saying where it `still` is."""
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return False
    from core.refusal import Refused

    try:
        with output.open("xb") as stream:
            stream.write(content)
    except OSError as fault:
        raise Refused(f"{output} cannot be written ({(fault.strerror or str(fault)).lower()}); {still}.") from None
    return True
