"""Load one array from a .npy or .npz file after checking its header; arrays of objects, which are pickles, never."""

import math
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from stages.common.errors import InputError

SUFFIXES = (".npy", ".npz")
# The names that common tools give to the images in a file with several arrays.
USUAL_KEYS = ("images", "arr_0")
NPY_START, ZIP_START = b"\x93NUMPY", b"PK"
READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# The number of arrays of a file that an error names.
NAMED_ARRAYS = 6
# The number of axes of a set of images, without and with an axis for channels.
IMAGE_AXES = (3, 4)


class ArrayHeader(NamedTuple):
    """The header of an array.

    Attributes:
        name: the name of the array in an .npz file; empty in a .npy file.
        dtype: the dtype of the array; None if the member of the file is not an array.
        shape: the shape of the array.
        held_bytes: the number of bytes behind the header, unpacked; a damaged header may declare more.
    """

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int, ...]
    held_bytes: int

    def describe(self) -> str:
        """Return name, type and shape for a message: `mu float64 [2048]`."""
        kind = "no array" if self.dtype is None else f"{self.dtype} {list(self.shape)}"
        return f"{self.name} {kind}".strip()


class LoadedArray(NamedTuple):
    """An array with its name in an .npz file; the name is empty for a .npy file."""

    values: NDArray[Any]
    name: str


def split_key(text: str) -> tuple[Path, str | None]:
    """Split `file.npz:name` into the file and the name of the array, which is None where there is none."""
    stem, dot, key = text.rpartition(".npz:")
    return (Path(f"{stem}.npz"), key) if dot else (Path(text), None)


def load_array(path: Path, key: str | None) -> LoadedArray:
    """Load the array of a file that can hold images; a .npy file is mapped into memory.

    Before memory is allocated, the size that the header declares is compared with the file's size and with free memory.

    Args:
        path: the file.
        key: the name of the array in an .npz file; None where the file holds one array or one with a usual name.

    Raises:
        InputError: the file is damaged or not of the kind of its suffix, holds no images, several arrays or Python
            objects, or does not fit into memory.
    """
    with _explain(path):
        _check_kind(path)
        if path.suffix == ".npy":
            with path.open("rb") as file:
                header = _read_header("", file, path.stat().st_size)
            _check_header(path, [header], "")
            _check_memory(path, header, is_mapped=True)
            return LoadedArray(np.load(path, mmap_mode="r", allow_pickle=False), "")
        with np.load(path, allow_pickle=False) as archive:
            headers = [_read_member(archive.zip, name) for name in archive.zip.namelist()]
            _check_distinct(path, headers)
            chosen = _choose_key(path, key, headers)
            _check_memory(path, _check_header(path, headers, chosen), is_mapped=False)
            return LoadedArray(archive[chosen], chosen)


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise InputError(f"{path} is damaged or no {path.suffix} file ({error})") from None
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory ({error}); save the images as .npy") from None
    except (ValueError, OverflowError, RuntimeError) as error:
        # zipfile raises RuntimeError for an encrypted file.
        text = str(error).partition("\n")[0]
        raise InputError(text if str(path) in text else f"{path} cannot be read: {text}") from None


def _check_kind(path: Path) -> None:
    """Refuse a file whose content does not match its suffix, because numpy would ignore the suffix."""
    with path.open("rb") as file:
        start = file.read(len(NPY_START))
    kind = ".npy" if start == NPY_START else ".npz" if start.startswith(ZIP_START) else None
    if kind is None:
        raise InputError(
            f"{path} holds no array: it begins neither as a .npy file nor as a zip. Other formats, such as pickles, "
            "which can run any code, are not read; save the images by numpy.save or numpy.savez"
        )
    if kind != path.suffix:
        raise InputError(
            f"{path} is a {kind} file by its content, not a {path.suffix} file; rename it to {kind}"
        )


def _read_member(archive: zipfile.ZipFile, name: str) -> ArrayHeader:
    with archive.open(name) as file:
        return (
            _read_header(name.removesuffix(".npy"), file, archive.getinfo(name).file_size)
            if name.endswith(".npy")
            else ArrayHeader(name, None, (), 0)
        )


def _read_header(name: str, file: IO[bytes], file_bytes: int) -> ArrayHeader:
    version = np.lib.format.read_magic(file)
    if version not in READERS:
        # Version 3 of the format only adds field names outside Latin-1.
        raise InputError(f"the array is of version {version} of the format, as only arrays of records are")
    try:
        shape, _, dtype = READERS[version](file)
    except (SyntaxError, tokenize.TokenError, TypeError, RecursionError, MemoryError):
        # numpy parses the header as a Python literal, which may raise errors of Python's parser.
        raise InputError("the header of the array is damaged; save it again") from None
    return ArrayHeader(name, dtype, shape, file_bytes - file.tell())


def _check_distinct(path: Path, headers: list[ArrayHeader]) -> None:
    """Refuse a zip that holds a name more than once, because only one of the arrays could be read by it."""
    counts = Counter(header.name for header in headers)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise InputError(
            f"{path} holds {counts[repeated[0]]} members named {repeated[0]}, so it is unclear which is meant; "
            "save the images again, by numpy.savez"
        )


def _choose_key(path: Path, key: str | None, headers: list[ArrayHeader]) -> str:
    names = [header.name for header in headers if header.dtype is not None]
    usual = [name for name in USUAL_KEYS if name in names]
    if key in names:
        return str(key)
    if key is not None:
        raise InputError(f"{path} holds no array {key!r}; there is {_describe_all(headers)}")
    if len(names) == 1 or usual:
        return names[0] if len(names) == 1 else usual[0]
    fitting = [header.name for header in headers if len(header.shape) in IMAGE_AXES]
    if not fitting:
        _refuse(path, headers)
    raise InputError(
        f"{path} holds several arrays: {_describe_all(headers)}; name one as {path}:{fitting[0]}"
    )


def _check_header(path: Path, headers: list[ArrayHeader], chosen: str) -> ArrayHeader:
    """Return the chosen header; refuse Python objects and arrays that are not images, are empty or are cut short."""
    (header,) = (header for header in headers if header.name == chosen)
    where = _name(path, header)
    if header.dtype is None or header.dtype.hasobject:
        raise InputError(
            f"{where} holds Python objects, that is, a pickle, which can run any code and is therefore never loaded; "
            "save the images as an array of uint8"
        )
    if len(header.shape) not in IMAGE_AXES:
        _refuse(path, headers)
    if 0 in header.shape:
        raise InputError(f"{where} holds no images: {list(header.shape)}")
    declared = math.prod(header.shape) * header.dtype.itemsize
    if min(header.shape) < 0 or declared > header.held_bytes:
        raise InputError(
            f"{where} declares {header.dtype} {list(header.shape)}, {declared} bytes, and holds {header.held_bytes}: "
            "it is cut short or damaged; save it again"
        )
    if declared < header.held_bytes:
        raise InputError(
            f"{where} declares {header.dtype} {list(header.shape)}, {declared} bytes, and holds {header.held_bytes}: "
            "several arrays were saved into one file, of which only the first would be read, or it is damaged; save "
            "one array of all images"
        )
    return header


def _check_memory(path: Path, header: ArrayHeader, is_mapped: bool) -> None:
    """Refuse an array that needs more memory than is free: an .npz file is unpacked, and floats become uint8 pixels."""
    assert header.dtype is not None
    needed = math.prod(header.shape) * (1 if is_mapped else header.dtype.itemsize)
    free = psutil.virtual_memory().available
    if needed > free and not (is_mapped and header.dtype == np.uint8):
        raise InputError(
            f"{_name(path, header)} unpacks to {needed} bytes, and {free} bytes of memory are free; save the images as "
            "a .npy file of uint8, which is read part by part"
        )


def _name(path: Path, header: ArrayHeader) -> str:
    return f"{path}:{header.name}" if header.name else str(path)


def _refuse(path: Path, headers: list[ArrayHeader]) -> None:
    shapes = [header.shape for header in headers]
    flat = {shape[0] for shape in shapes if len(shape) == 1}
    if any(len(shape) == 2 and shape[0] == shape[1] and shape[0] in flat for shape in shapes):
        what = (
            ": a mean and a covariance, the statistics of features from which other programs compute FID. Scores are "
            "computed from the images themselves here; name those"
        )
    elif any(len(shape) == 2 for shape in shapes):
        what = ", which may be features or flattened images; expected [N, H, W, C], [N, C, H, W] or [N, H, W], uint8"
    else:
        what = "; expected [N, H, W, C], [N, C, H, W] or [N, H, W], uint8"
    raise InputError(f"{path} holds no images, but {_describe_all(headers)}{what}")


def _describe_all(headers: list[ArrayHeader]) -> str:
    rest = len(headers) - NAMED_ARRAYS
    names = ", ".join(header.describe() for header in headers[:NAMED_ARRAYS]) or "nothing"
    return f"{names} and {rest} more" if rest > 0 else names
