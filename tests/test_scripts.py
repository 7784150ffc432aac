"""The two scripts `./run` and `./test`: what they make, once, and what they say when they cannot; with a uv that only takes notes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv 9.9.9"; exit 0; fi
echo "$@" >>"$NOTES"
mkdir -p "$3/.venv/bin"
printf '#!/bin/sh\\necho "guichet $@"\\n' >"$3/.venv/bin/guichet"
printf '#!/bin/sh\\necho "pytest $@"\\n' >"$3/.venv/bin/pytest"
chmod +x "$3/.venv/bin/guichet" "$3/.venv/bin/pytest"
"""


class Copy:
    """The scripts in a folder of their own, with a chosen uv and python3 on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes, self.bin = folder / "house", folder / "notes", folder / "bin"
        (self.folder / ".ci").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("run", "test", ".ci/environment", ".ci/run", "uv.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.folder / name)

    def program(self, name: str, text: str) -> None:
        """Put a program first on the PATH."""
        (self.bin / name).write_text(text, "utf-8")
        (self.bin / name).chmod(0o755)

    def call(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a script with nothing else in the environment."""
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.folder), "NOTES": str(self.notes)}
        return subprocess.run([str(self.folder / command[0]), *command[1:]], env=environment, cwd=cwd, capture_output=True, text=True, check=False)

    @property
    def synced(self) -> list[str]:
        """How uv was called."""
        return self.notes.read_text("utf-8").splitlines() if self.notes.exists() else []


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """The scripts with a uv that only takes notes."""
    made = Copy(tmp_path)
    made.program("uv", UV)
    return made


def test_run_makes_the_environment_once_and_starts_the_demo(copy: Copy, tmp_path: Path) -> None:
    """From any folder, with its options; the second time nothing is made; after a change of the lock file it is made again."""
    first = copy.call("run", "--dir", "x y", cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "guichet demo --dir x y\n")
    assert "Making the environment" in first.stderr
    assert copy.synced == [f"sync --project {copy.folder} --frozen --inexact --compile-bytecode --quiet --no-dev"]
    again = copy.call("run")
    assert (again.stdout, again.stderr) == ("guichet demo\n", "")
    assert len(copy.synced) == 1
    with (copy.folder / "uv.lock").open("a") as lock:
        lock.write("\n")
    copy.call("run")
    assert len(copy.synced) == 2


def test_test_makes_its_own_environment_and_passes_options_on(copy: Copy) -> None:
    """Development group and all extras; options go to pytest."""
    said = copy.call("test", "-k", "word")
    assert (said.returncode, said.stdout) == (0, "pytest -n 3 --dist worksteal -k word\n")
    assert "--all-extras" in copy.synced[0]
    assert "--no-dev" not in copy.synced[0]
    copy.call("test")
    assert len(copy.synced) == 1


def test_install_does_nothing_when_everything_is_there(copy: Copy) -> None:
    """With every package installed neither apt nor policy-rc.d is touched; .ci/run asks for it."""
    copy.program("dpkg-query", "#!/bin/sh\necho 'install ok installed'\n")
    copy.program("apt-get", "#!/bin/sh\necho touched >>\"$NOTES\"\n")
    for script in ("test", ".ci/run"):
        said = copy.call(script, "--install") if script == "test" else copy.call(script)
        assert said.returncode == 0, said.stderr
        assert "The servers are installed" in said.stderr
        assert "pytest -n 3" in said.stdout
    assert "touched" not in copy.synced


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("#!/bin/sh\nexit 1\n", "Python 3.11 or newer is needed: install python3"),
        ('#!/bin/sh\n[ "$1" = -m ] && exit 1\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n', "neither pip nor venv: apt install python3-venv"),
    ],
)
def test_what_is_missing_is_one_sentence(tmp_path: Path, python: str, words: str) -> None:
    """Without uv, and without a way to get it."""
    copy = Copy(tmp_path)
    copy.program("uv", "#!/bin/sh\nexit 127\n")
    copy.program("python3", python)
    said = copy.call("run")
    assert said.returncode == 1
    assert words in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_the_scripts_can_be_executed() -> None:
    """The bits are set."""
    for name in ("run", "test", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK)
