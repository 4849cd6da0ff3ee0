import errno
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stages.common.artifacts import (
    UNFINISHED,
    atomic_path,
    hash_file,
    read_array,
    read_images,
    read_json,
    write_array,
    write_json,
)

ROOT = Path(__file__).parents[2]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with pytest.raises(OSError, match="full"), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")
    assert list(path.parent.iterdir()) == []
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"a": math.nan})
    assert read_json(path, "test") == {"a": 1}


KILLED = """
import os, signal
from pathlib import Path
from stages.common.artifacts import atomic_path
with atomic_path(Path("results/file")) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_write_leaves_is_ignored_by_dvc_and_removed_by_the_next(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=environment, check=False)
        (left,) = (tmp_path / "results").iterdir()
        assert left.name.endswith(UNFINISHED)
    for name in (".gitignore", ".dvcignore"):
        assert f"*{UNFINISHED}" in (ROOT / name).read_text().splitlines()
    path = tmp_path / "results/file"
    with atomic_path(path) as temporary:
        # A temporary file that is still being written must not be mistaken for one that was left over.
        write_json(path, {"a": 1})
        temporary.write_text("whole")
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.read_text() == "whole"


def test_json_that_is_missing_or_damaged_names_the_stage(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with pytest.raises(ValueError, match="file.json is missing; make it with `dvc repro train@x`"):
        read_json(path, "train@x")
    for damaged in (b"{", b"\xff"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="file.json is damaged .*`dvc repro -f train@x`"):
            read_json(path, "train@x")


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int64).reshape(2, 3, 4)
    write_array(tmp_path / "a.npy", array)
    assert np.array_equal(read_array(tmp_path / "a.npy", "test"), array)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(ValueError, match="a.npy is damaged"):
        read_array(path, "test")


@pytest.mark.parametrize("array", [np.zeros((2, 1, 4, 4)), np.zeros((2, 4, 4), dtype=np.uint8)])
def test_images_of_another_type_or_shape_are_refused(tmp_path: Path, array: NDArray[Any]) -> None:
    write_array(tmp_path / "a.npy", array)
    with pytest.raises(
        ValueError, match=r"expected uint8 \[N, C, H, W\]; make it anew: `dvc repro -f prepare`"
    ):
        read_images(tmp_path / "a.npy", "prepare")


def test_images_cut_short_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write_array(path, np.zeros((20, 1, 8, 8), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="a.npy is damaged"):
        read_images(path, "prepare")


def test_a_files_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert hash_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


WRITERS = {
    "write_array": "from stages.common.artifacts import write_array as write; content = np.zeros(9000)",
    "write_json": "from stages.common.artifacts import write_json as write; content = list(range(9000))",
    "write_bytes": "from stages.common.artifacts import write_bytes as write; content = bytes(9000)",
    "write_tensors": "from stages.train.checkpoint import write_tensors as write; content = {'a': torch.zeros(9000)}",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_an_error_with_the_files_name(tmp_path: Path, writer: str) -> None:
    program = f"""
import resource
import numpy as np, torch
from pathlib import Path
{WRITERS[writer]}
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    write(Path("some/file"), content)
except OSError as error:
    print(error.filename, error.errno, list(Path("some").iterdir()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"some/file {errno.EFBIG} []\n"


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name in ("pipe", "device"):
        with pytest.raises(ValueError, match=f"{name}: it is a .* and not a file"):
            write_json(tmp_path / name, {})
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "device").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "pipe"]
