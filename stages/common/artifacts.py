"""Paths and formats of all files that the stages exchange; they are named in this module and nowhere else.

All paths are relative to the repository's root, where DVC runs every stage. Images are uint8 arrays
[N, C, H, W] in .npy files; networks are safetensors; statistics are safetensors; records are JSON.
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file

PREPARED = Path("data/prepared")
DATA_MANIFEST = Path("data/manifest.json")
DATA_SOURCE = Path("data/source.json")
EXTRACTOR = Path("extractor")
REFERENCE = Path("reference")
MODELS = Path("models")
SAMPLES = Path("samples")
TRAINING = Path("results/train")
SCORES = Path("results/evaluate")
LIPSCHITZ = Path("results/lipschitz")
NEIGHBOURS = Path("results/neighbours")
ABLATION = Path("results/ablation/scores.json")
REPORT = Path("report")
# The metrics and plots that DVC shows: a few numbers of each trial, and the curves of all trials.
METRICS_FOLDER = Path("metrics")
CURVES = Path("results/curves")
# The folders of everything that the stages make and DVC tracks.
OUTPUTS = (PREPARED.parent, EXTRACTOR, REFERENCE, MODELS, SAMPLES, Path("results"), METRICS_FOLDER, REPORT)
SCRATCH = Path(".scratch")
# How long trainings took: the one folder whose files differ between equal runs, so neither Git nor DVC tracks it.
TIMINGS = Path("timings")
# The end of the names of temporary files and folders, which Git and DVC ignore.
UNFINISHED = ".unfinished"

MANIFEST = "manifest.json"
METRICS_LOG = "metrics.jsonl"
TIMINGS_LOG = "timings.jsonl"
TRAINING_LOCK = "lock"
LOSS_CURVES = "losses.csv"
FINAL_STATE = "state.safetensors"
INTERPOLATION = "interpolation.png"
NEIGHBOURS_RECORD = "neighbours.json"
POINTS = "points.json"
METRICS = "metrics.json"
CHECK_PASSED = Path("results/check/passed.txt")
REAL_SCORES = REFERENCE / "scores.json"
SPLITS = ("train", "test")


class Trial(NamedTuple):
    """One training of the comparison: a GAN under a setting with a seed."""

    gan: str
    setting: str
    seed: int

    @property
    def name(self) -> str:
        """The trial's folder name, which is also DVC's matrix name: `sngan-A-0`."""
        return f"{self.gan}-{self.setting}-{self.seed}"


def images_file(split: str) -> Path:
    """Return the path of a prepared split's images: uint8 [N, C, H, W]."""
    return PREPARED / f"{split}_images.npy"


def labels_file(split: str) -> Path:
    """Return the path of a prepared split's labels: int64 [N], indices into the manifest's class names."""
    return PREPARED / f"{split}_labels.npy"


def class_names_file() -> Path:
    """Return the path of the prepared data set's class names: a JSON list, in the order of the labels."""
    return PREPARED / "class_names.json"


def snapshot_name(generator_step: int) -> str:
    """Return the name of a generator snapshot in a trial's model folder."""
    return f"generator_{generator_step:08d}.safetensors"


def discriminator_name(generator_step: int) -> str:
    """Return the name of a discriminator snapshot in a trial's model folder."""
    return f"discriminator_{generator_step:08d}.safetensors"


def samples_name(generator_step: int) -> str:
    """Return the name of the generated images in a trial's sample folder: uint8 [N, C, H, W].

    For a conditional GAN the manifest in that folder names the classes; image i is of class i modulo their number.
    """
    return f"images_{generator_step:08d}.npy"


def grid_name(generator_step: int) -> str:
    """Return the name of the image grid in a trial's sample folder."""
    return f"grid_{generator_step:08d}.png"


def timings_file(trial: Trial) -> Path:
    """Return the path of the timings of the training whose log is in results/train/<trial>; a hash of the log names it.

    Each line is a JSON object with `generator_step`, with `elapsed_seconds` and `processor_seconds` from the training's
    start over all resumptions, and with `images_per_second` since the line before. There is a line for every evaluation
    point. Only the machine that ran the training has the file, so it may be missing for a result that DVC restored or
    pulled.

    Raises:
        FileNotFoundError: there is no log.
    """
    return TIMINGS / trial.name / f"{hash_file(TRAINING / trial.name / METRICS_LOG)[:16]}.jsonl"


def entry_source_file(name: str) -> Path:
    """Return the path of the JSON file with the fingerprints of an entry's files."""
    return DATA_SOURCE.parent / "entries" / f"{name}.json"


def entry_folder(name: str) -> Path:
    """Return the folder of an entry's scores and of its image grids, one for each seed; no trial has such a name."""
    return SCORES / f"entry-{name}"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which is renamed to `path` on success and removed otherwise.

    The content is synced to the disk before the rename, and the rename before the context ends. The temporary file's
    name ends with UNFINISHED, which Git and DVC ignore. A temporary file that a killed process has left is removed by
    the next write of `path`.

    Raises:
        InputError: the path is that of a pipe, a socket or a device.
        OSError: the file cannot be written; the error names `path` even where the system named no file.
    """
    # A rename would replace a pipe, a socket or a device, such as /dev/stdout, by a file.
    if path.exists() and not path.is_dir():
        check_regular_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path.parent.glob(f".{glob.escape(path.name)}.*{UNFINISHED}"))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    temporary = Path(name)
    try:
        lock_unfinished(descriptor)
        yield temporary
        # mkstemp makes the file readable by its owner alone; results get the usual permissions.
        temporary.chmod(0o644)
        os.fsync(descriptor)
        temporary.replace(path)
        sync_to_disk(path.parent)
    except OSError as error:
        if error.filename in (None, name):
            error.filename = str(path)
        raise
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


def lock_unfinished(descriptor: int) -> None:
    """Protect an open temporary file or folder from `remove_unfinished` until it is closed or this process ends."""
    # Some network file systems have no locks.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove the temporary files and folders that killed processes have left, but none that is being written."""
    for path in paths:
        # Another process may have renamed or removed it meanwhile, or holds its lock.
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            finally:
                os.close(descriptor)


def sync_to_disk(path: Path) -> None:
    """Sync the content of a file, or the names in a folder, to the disk, so that they survive a power cut.

    Raises:
        OSError: the content of a file cannot be written. Not every file system can do this with a folder.
    """
    with suppress(OSError) if path.is_dir() else nullcontext():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically; a non-finite number is refused.

    Raises:
        InputError: `content` holds NaN or an infinity, which JSON does not have.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


@contextmanager
def explain_read_errors(path: Path, made_by: str, *damage: type[Exception]) -> Iterator[None]:
    """Turn an error that occurs while `path` is read into one that names the file and the stage that makes it.

    Args:
        path: the file.
        made_by: the stage that makes it.
        damage: the errors that reading a damaged file raises.

    Raises:
        InputError: the file is missing or damaged, or is no file, such as a named pipe.
    """
    try:
        # Reading a pipe would wait for ever.
        check_regular_file(path)
        yield
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it with `dvc repro {made_by}`") from None
    except damage as error:
        raise InputError(f"{path} is damaged ({error}); make it anew: `dvc repro -f {made_by}`") from None


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON record.

    Args:
        path: the file.
        made_by: the stage that makes it, named in the error.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    # JSONDecodeError and UnicodeDecodeError are ValueErrors.
    with explain_read_errors(path, made_by, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy, atomically.

    The content is written as plain bytes, because numpy's own error does not say that the disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.tobytes())


def read_array(path: Path, made_by: str) -> NDArray[Any]:
    """Map an array from a .npy file into memory, read-only, without reading all of it.

    Raises:
        InputError: the file is missing or is not a .npy file.
    """
    with explain_read_errors(path, made_by, ValueError, EOFError, OSError):
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


def hash_file(path: Path) -> str:
    """Return a file's sha256 in hexadecimal."""
    check_regular_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_images(path: Path, made_by: str) -> NDArray[np.uint8]:
    """Map images from a .npy file into memory without reading all of them.

    Args:
        path: the file.
        made_by: the stage that makes it, named in the error.

    Returns:
        uint8 [N, C, H, W], read-only.

    Raises:
        InputError: the file is missing, is not a .npy file, or holds another type or shape.
    """
    images = read_array(path, made_by)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise InputError(
            f"{path} holds {images.dtype} {list(images.shape)}, expected uint8 [N, C, H, W]; "
            f"make it anew: `dvc repro -f {made_by}`"
        )
    return images


def read_class_names() -> list[str]:
    """Read the names of the prepared data set's classes, in the order of the labels."""
    names: list[str] = read_json(class_names_file(), made_by="prepare")
    return names


def read_labels(split: str, image_count: int, class_count: int) -> NDArray[np.int64]:
    """Map the labels of a prepared split into memory: int64 [image_count], in 0..class_count-1.

    Raises:
        InputError: the file is missing or damaged, or does not label `image_count` images with `class_count` classes.
    """
    labels: NDArray[np.int64] = read_array(labels_file(split), made_by="prepare")
    is_sound = labels.dtype == np.int64 and labels.shape == (image_count,)
    if not is_sound or labels.min() < 0 or labels.max() >= class_count:
        raise InputError(
            f"{labels_file(split)} does not label the {image_count} images with {class_count} classes; "
            "make it anew: `dvc repro -f prepare`"
        )
    return labels
