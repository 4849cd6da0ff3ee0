"""Read CIFAR-10 from its binary version, packed or unpacked, or from class folders; never from its pickles."""

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.common.file_tree import read_file
from stages.prepare.dataset import UNCHECKED, Dataset, Source, Split, in_memory_split
from stages.prepare.image_folder import load_image_folder

ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
# The MD5 that https://www.cs.toronto.edu/~kriz/cifar.html prints.
ARCHIVE_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
UNPACKED_FOLDER = "cifar-10-batches-bin"
BATCHES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}
BATCH_NAMES = frozenset(name for names in BATCHES.values() for name in names)
CLASS_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
SIDE = 32
CHANNELS = 3
RECORD_BYTES = 1 + CHANNELS * SIDE * SIDE
BATCH_IMAGES = 10_000
BATCH_BYTES = BATCH_IMAGES * RECORD_BYTES
ORIGINAL = "MD5 of the archive"
NOT_ORIGINAL = f"{UNCHECKED}: not the published archive, by its MD5"
UNKNOWN = f"{UNCHECKED}: no checksum of the unpacked batches is published"


def load_cifar(path: Path) -> Dataset:
    """Load CIFAR-10 from the user's path.

    Args:
        path: the archive of the binary version, a folder with the archive or with its unpacked batches, or a folder
            or zip of class folders with the ten names.

    Raises:
        InputError: the path holds none of these, a damaged one, or only pickles.
    """
    for archive in (path, path / ARCHIVE):
        if archive.is_file() and archive.name.endswith((".tar.gz", ".tgz")):
            _check_no_pickles(archive, is_pickled="python" in archive.name)
            return load_archive(archive, "local path", str(path))
    for folder in (path, path / UNPACKED_FOLDER):
        present = [name for name in sorted(BATCH_NAMES) if (folder / name).is_file()]
        if present:
            contents = {name: read_file(folder / name) for name in present}
            return _join_batches(contents, folder, Source("local path", str(path), UNKNOWN))
    is_pickled = any(path.rglob("data_batch_1")) or (path / "cifar-10-python.tar.gz").is_file()
    _check_no_pickles(path, is_pickled)
    return _load_class_folders(path)


def load_archive(path: Path, kind: str, location: str) -> Dataset:
    """Load the packed binary version without unpacking it to disk.

    Args:
        path: cifar-10-binary.tar.gz.
        kind: the kind of the source, for the manifest.
        location: the location of the source, for the manifest.

    Raises:
        InputError: the archive is damaged, or a batch is missing or has another length.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = Path(member.name).name
                file_in_archive = archive.extractfile(member) if name in BATCH_NAMES else None
                if file_in_archive is not None:
                    # One byte more than expected is enough to see that a batch is too long.
                    contents[name] = file_in_archive.read(BATCH_BYTES + 1)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}; fetch it again from {ARCHIVE_URL}") from None
    checked = ORIGINAL if digest == ARCHIVE_MD5 else NOT_ORIGINAL
    return _join_batches(contents, path, Source(kind, location, checked))


def read_batch(content: bytes, where: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read a batch of the binary version: records of a label, then 1024 red, 1024 green and 1024 blue values.

    Args:
        content: the file's bytes.
        where: the file's name, for the error.

    Returns:
        images: uint8 [N, 32, 32, 3].
        labels: int64 [N].

    Raises:
        InputError: the file ends within a record, or a label is not 0 to 9.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    if not content or len(content) % RECORD_BYTES:
        raise InputError(f"{where} holds {len(content)} bytes, expected a multiple of {RECORD_BYTES}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= len(CLASS_NAMES):
        raise InputError(f"{where} has the label {labels.max()}, expected 0 to {len(CLASS_NAMES) - 1}")
    images = records[:, 1:].reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return images, labels


def _join_batches(contents: Mapping[str, bytes], path: Path, source: Source) -> Dataset:
    missing = sorted(BATCH_NAMES - set(contents))
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; fetch {ARCHIVE_URL} and set prepare.path to it")
    wrong = [
        f"{name} ({len(content)} bytes)" for name, content in contents.items() if len(content) != BATCH_BYTES
    ]
    if wrong:
        raise InputError(
            f"{path}: a batch has {BATCH_BYTES} bytes, but these have others: {', '.join(wrong)}; fetch it "
            f"again from {ARCHIVE_URL}"
        )
    splits = {split: _join_split(names, contents, path) for split, names in BATCHES.items()}
    return Dataset(source, CLASS_NAMES, CHANNELS, "the data set's own", splits)


def _join_split(names: list[str], contents: Mapping[str, bytes], path: Path) -> Split:
    batches = [read_batch(contents[name], f"{path}: {name}") for name in names]
    images = np.ascontiguousarray(np.concatenate([images for images, _ in batches]))
    return in_memory_split(images, np.concatenate([labels for _, labels in batches]))


def _check_no_pickles(path: Path, is_pickled: bool) -> None:
    if is_pickled:
        raise InputError(
            f"{path} is CIFAR-10's Python version: pickles, which can run any code while they are read and "
            f"are therefore not read here. Fetch the binary version, {ARCHIVE_URL}, and set prepare.path to it"
        )


def _load_class_folders(path: Path) -> Dataset:
    dataset = load_image_folder(path)
    if dataset.class_names != CLASS_NAMES:
        raise InputError(
            f"{path} has the classes {', '.join(dataset.class_names)}, but CIFAR-10's are "
            f"{', '.join(CLASS_NAMES)}; use dataset: image_folder for other classes"
        )
    return dataset
