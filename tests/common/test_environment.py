"""If packages are missing, every command ends with one line that says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from stages.common import environment

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for folder in ("stages", "pipeline", "benchmarks")
    for file in (ROOT / folder).rglob("*.py")
    if "\nif __name__ ==" in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_its_packages_ends_in_one_line(command: str, tmp_path: Path) -> None:
    # This runs the interpreter without its installed packages.
    done = subprocess.run(
        [sys.executable, "-S", "-m", command],
        cwd=ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {sys.executable} has no package ")
    assert f"`source {environment.FOLDER}/bin/activate`" in line


def test_a_package_that_somebodys_own_file_imports_is_named_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    (tmp_path / "own.py").write_text("import stages\nfrom einops_of_nobody import rearrange\n")
    code = "import sys; sys.argv[:] = ['-m']; import own"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "has no package einops_of_nobody, which" in line and "own.py imports" in line


@pytest.mark.parametrize("code", ["raise ValueError('a bug')", "import stages.nothing", "import os.nothing"])
def test_any_other_error_keeps_its_traceback(code: str) -> None:
    start = "import sys; sys.argv[:] = ['-m']; import stages; "
    done = subprocess.run([sys.executable, "-c", start + code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_python_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit, match=r"is Python 3\.9\.2, and 3\.11 is the oldest that will do; `"):
        environment.explain_missing_environment()


def test_an_import_by_another_program_changes_nothing() -> None:
    code = "import sys; before = sys.excepthook; import stages, pipeline; print(sys.excepthook is before)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize(
    ("is_entered", "is_made", "cure"),
    [
        (False, False, "`make setup` makes the environment, `source .venv/bin/activate` enters it"),
        (False, True, "`source .venv/bin/activate` enters the environment"),
        (True, True, "completes the environment"),
    ],
)
def test_the_cure_fits_what_is_there(
    is_entered: bool, is_made: bool, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    if is_made:
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / ".venv/bin/activate").touch()
    if is_entered:
        monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert environment.find_cure().endswith(cure)
