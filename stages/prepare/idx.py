"""Read the four IDX files of MNIST and Fashion-MNIST, plain or gzipped, and check whether they are the originals."""

import gzip
import hashlib
import struct
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file
from stages.prepare.dataset import UNCHECKED, Dataset, Source, Split, in_memory_split

FILES = {"train": "train", "test": "t10k"}
IMAGES_MAGIC = 0x0803
LABELS_MAGIC = 0x0801
LARGEST_BYTES = 1 << 31
CLASS_COUNT = 10
CLASS_NAMES = {
    "mnist": [str(digit) for digit in range(CLASS_COUNT)],
    "fashion_mnist": [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
}
# SHA-256 of the unpacked content, which does not depend on who compressed it. Fashion-MNIST's were computed from
# Debian's package 0.0~git20200523.55506a9-1. Its .gz files differ from the authors' only in the name and time in
# gzip's header: with the authors' name and time they have the MD5 sums that torchvision lists.
CHECKSUMS = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}
ORIGINAL = "SHA-256 of all four files"
NOT_ORIGINAL = f"{UNCHECKED}: not the published files, by their SHA-256"


class IdxFile(NamedTuple):
    """The content of one IDX file.

    Attributes:
        values: uint8, [N, H, W] for images or [N] for labels.
        sha256: the SHA-256 of the unpacked content.
    """

    values: NDArray[np.uint8]
    sha256: str


def read_idx(path: Path, magic: int) -> IdxFile:
    """Read one IDX file, gzipped when its name ends in .gz.

    Args:
        path: the file.
        magic: 0x0803 for images, 0x0801 for labels.

    Raises:
        InputError: the magic number, the dimensions or the length is wrong, or the gzip stream is damaged.

    Source: the format's description at http://yann.lecun.com/exdb/mnist/.
    """
    check_regular_file(path)
    with ExitStack() as opened:
        file: IO[bytes] = opened.enter_context(path.open("rb"))
        if path.suffix == ".gz":
            file = cast(IO[bytes], opened.enter_context(gzip.GzipFile(fileobj=file)))
        try:
            return _parse(file, magic)
        except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            raise InputError(f"{path} is damaged: {error}; fetch it again") from None


def _parse(file: IO[bytes], magic: int) -> IdxFile:
    axes = magic & 0xFF
    header = file.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes:
        raise InputError(f"it ends within its header, after {len(header)} bytes")
    found, *shape = struct.unpack(f">{1 + axes}I", header)
    if found != magic:
        raise InputError(f"it begins with {found:#010x}, expected {magic:#010x}")
    expected = int(np.prod(shape, dtype=object))
    if not 0 < expected <= LARGEST_BYTES:
        raise InputError(f"its header claims dimensions {shape}")
    # Reading one byte more than expected shows whether there is more, without unpacking all of it.
    content = file.read(expected + 1)
    if len(content) != expected:
        held = "more" if len(content) > expected else f"only {len(content)}"
        raise InputError(f"it holds {held} bytes where its header says {expected}")
    digest = hashlib.sha256(header + content).hexdigest()
    return IdxFile(np.frombuffer(content, dtype=np.uint8).reshape(shape), digest)


def load_idx(name: str, folder: Path, kind: str, location: str) -> Dataset:
    """Load MNIST or Fashion-MNIST from the folder that holds its four files.

    Args:
        name: "mnist" or "fashion_mnist".
        folder: the folder with the files, or with a folder `raw` that holds them, as torchvision stores them.
        kind: the kind of the source, for the manifest.
        location: the location of the source, for the manifest.

    Raises:
        InputError: files are missing or damaged, or images and labels do not belong together.
    """
    paths = _find_files(name, folder)
    files = {
        plain: read_idx(path, IMAGES_MAGIC if "images" in plain else LABELS_MAGIC)
        for plain, path in paths.items()
    }
    digests = {plain: file.sha256 for plain, file in files.items()}
    checked = ORIGINAL if digests == CHECKSUMS[name] else NOT_ORIGINAL
    splits = {split: _join(folder, prefix, files) for split, prefix in FILES.items()}
    return Dataset(Source(kind, location, checked), CLASS_NAMES[name], 1, "the data set's own", splits)


def _find_files(name: str, folder: Path) -> dict[str, Path]:
    found = {plain: _find_file(folder, plain) for plain in CHECKSUMS[name]}
    missing = [plain for plain, path in found.items() if path is None]
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)} (each plain or as .gz); set prepare.path to their folder"
        )
    return {plain: path for plain, path in found.items() if path is not None}


def _find_file(folder: Path, plain: str) -> Path | None:
    """Find a file in any of its usual spellings: train-images-idx3-ubyte, train-images.idx3-ubyte, .gz."""
    candidates = (
        place / (spelling + ending)
        for place in (folder, folder / "raw")
        for spelling in (plain, plain.replace("-idx", ".idx"))
        for ending in (".gz", "")
    )
    return next((path for path in candidates if path.is_file()), None)


def _join(folder: Path, prefix: str, files: dict[str, IdxFile]) -> Split:
    images: NDArray[Any] = files[f"{prefix}-images-idx3-ubyte"].values
    labels = files[f"{prefix}-labels-idx1-ubyte"].values
    if len(images) != len(labels):
        raise InputError(f"{folder}: {prefix} has {len(images)} images, but {len(labels)} labels")
    if labels.max() >= CLASS_COUNT:
        raise InputError(f"{folder}: {prefix} has the label {labels.max()}, expected 0 to {CLASS_COUNT - 1}")
    return in_memory_split(images, labels.astype(np.int64))
