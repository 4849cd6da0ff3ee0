"""A command in the wrong folder, or in one that cannot be written, says so before it does anything."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.lineage import read_entries_of, read_lock
from pipeline.workplace import require_free_port, require_root, require_writable
from stages.common.errors import InputError
from stages.common.params import read_params
from tests.driving import PATIENCE_SECONDS, ROOT, make_environment

COMMANDS = [
    ("pipeline.flow", "run"),
    ("pipeline.flow", "schedule"),
    ("pipeline.flow", "server"),
    ("pipeline.tracking", "sync"),
    ("pipeline.tracking", "ui"),
    ("pipeline.tracking", "follow", "true"),
    ("pipeline.preset", "smoke"),
    ("pipeline.metrics_diff",),
]


@pytest.mark.parametrize(
    ("words", "folder"),
    [*((words, "docs") for words in COMMANDS), (COMMANDS[0], "stages/gans"), (COMMANDS[0], "presets")],
)
def test_in_a_sub_folder_a_command_names_the_root_and_leaves_nothing_behind(
    words: tuple[str, ...], folder: str, tmp_path: Path
) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / folder).mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path / folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / folder} is not the root of the repository")
    assert f"`cd '{tmp_path}'` first" in done.stderr and done.stderr.count("\n") == 1
    assert not list((tmp_path / folder).iterdir())


def test_outside_a_repository_the_root_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="which holds dvc.yaml and .dvc; call it there"):
        require_root()


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "it is a named pipe and not a file": os.mkfifo,
    "it is a folder and not a file": Path.mkdir,
    "it is a device and not a file": lambda path: path.symlink_to("/dev/zero"),
    "it is a socket and not a file": listen,
    "it is a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "Too many levels of symbolic links": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("name", ["dvc.lock", "dvc.yaml", "params.yaml"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_in_the_place_of_one_is_named(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path("dvc.yaml").touch()
    require_root()
    Path(name).unlink(missing_ok=True)
    KINDS[kind](Path(name))
    with pytest.raises(InputError) as caught:
        require_root()
    assert str(caught.value) == f"{tmp_path / name}: {kind}; move it away, and run `git checkout {name}`"
    if name == "dvc.lock":
        with pytest.raises((InputError, OSError)):
            read_lock()
        with pytest.raises((InputError, OSError)):
            read_entries_of(["sngan-A-0"])
    if name == "params.yaml":
        with pytest.raises((InputError, OSError), match="params.yaml"):
            read_params()


def test_a_folder_for_temporary_files_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "not/there"))
    with pytest.raises(ValueError, match="TMPDIR = '.*/not/there' is no folder; make it, or unset TMPDIR"):
        require_writable(tmp_path / "state")


@pytest.mark.parametrize(
    "make",
    [Path.touch, os.mkfifo, lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to(path)],
    ids=["a file", "a pipe", "a link to nothing", "a link to itself"],
)
def test_a_folder_that_is_something_else_is_named(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "tracking")
    with pytest.raises(InputError, match="tracking should be a folder, but it is .*; move it away"):
        require_writable(tmp_path / "tracking")


# This runs a command in its own mount namespace, with a file system mounted at `folder` with these options.
MOUNT = """
mount -t tmpfs -o "$1" none folder || exit 1
[ -z "$2" ] || dd if=/dev/zero of=folder/full status=none
exec python -c "$3"
"""
CHECK = """
from pathlib import Path
from pipeline.workplace import require_writable
from stages.common.cli import run_command
run_command(lambda: require_writable(Path("folder")))
"""


@pytest.mark.parametrize(
    ("options", "fill", "number"),
    [("ro", "", errno.EROFS), ("size=64k", "fill", errno.ENOSPC), ("size=0,nr_inodes=1", "", errno.ENOSPC)],
)
def test_a_file_system_that_takes_nothing_is_named_with_the_cause(
    tmp_path: Path, options: str, fill: str, number: int
) -> None:
    (tmp_path / "folder").mkdir()
    words = ["unshare", "--mount", "--map-root-user", "bash", "-c", MOUNT, "bash", options, fill, CHECK]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this user cannot mount a file system")
    assert f"error: folder: {os.strerror(number)}. " in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_was_left_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    require_free_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_that_is_taken_is_named(host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(
            InputError, match=f"{host}, port {server.getsockname()[1]}: Address already in use; end"
        ),
    ):
        require_free_port(host, server.getsockname()[1])


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(InputError, match=f"cannot listen at {host}, port 5000: "):
        require_free_port(host, 5000)


@pytest.mark.parametrize(
    "words",
    [
        ("pipeline.flow", "server"),
        ("pipeline.tracking", "ui", "--no-browser"),
        ("pipeline.tracking", "server", "--store", "sqlite:////no/store.db", "--artifacts", "no"),
        ("pipeline.tracking", "model", "models:/none@champion"),
    ],
)
def test_no_command_prints_an_address_that_is_taken(words: tuple[str, ...], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", *words, "--port", port],
            cwd=ROOT,
            env=make_environment(PREFECT_HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: cannot listen at 127.0.0.1, port {port}: ")
    assert done.stderr.count("\n") == 1
