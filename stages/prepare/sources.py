"""Load a data set from the user's path if there is one, else from the first known source that works."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stages.common.errors import InputError
from stages.prepare import cifar, idx
from stages.prepare.dataset import Dataset
from stages.prepare.debian import PACKAGE, SYSTEM_FOLDER, fetch_package
from stages.prepare.digits import load_digits
from stages.prepare.downloads import DISK_FULL, download
from stages.prepare.image_folder import load_image_folder
from stages.prepare.log import log

CACHE = Path(".cache/datasets")
LOCATION = "location.txt"
# The name in the manifest of each kind of download, by its folder in the cache.
DOWNLOADS = {"torchvision": "torchvision's download", "debian": "Debian's package"}

LOCAL: dict[str, Callable[[Path], Dataset]] = {
    "fashion_mnist": lambda path: idx.load_idx("fashion_mnist", path, "local path", str(path)),
    "mnist": lambda path: idx.load_idx("mnist", path, "local path", str(path)),
    "cifar10": cifar.load_cifar,
    "image_folder": load_image_folder,
}
REMEDIES = {
    "fashion_mnist": "get its four .gz files on another machine and set prepare.path to their folder",
    "mnist": "get its four .gz files on another machine and set prepare.path to their folder",
    "cifar10": f"get {cifar.ARCHIVE_URL} on another machine and set prepare.path to it",
    "digits": "install scikit-learn",
}


def load_dataset(name: str, path: Path | None) -> Dataset:
    """Load a data set from the first source that works.

    Args:
        name: a key of params.DATASETS.
        path: the user's path of the data; if it is given, no other source is tried.

    Raises:
        InputError: the path is wrong, or no source works; the error then names every source, why it failed, and a
            remedy.
        OSError: the disk is full.
    """
    if path is not None:
        if not path.exists():
            raise InputError(f"prepare.path = {str(path)!r} does not exist (relative to {Path.cwd()})")
        log(f"{name}: reading {path}")
        return _log_source(LOCAL[name](path))
    failures = []
    for title, load in SOURCES[name]:
        log(f"{name}: trying {title}")
        try:
            return _log_source(load(name))
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                # A full disk is not a fault of the source, and the next source would fail in the same way.
                raise OSError(error.errno, error.strerror, str(CACHE / name)) from None
            log(f"{title} failed: {error}")
            failures.append(f"  - {title}: {error}")
    raise InputError(
        f"no source of {name} works:\n" + "\n".join(failures) + f"\nTo fix this, {REMEDIES[name]}"
    )


def _log_source(dataset: Dataset) -> Dataset:
    source = dataset.source
    log(f"loaded from {source.kind}: {source.location}; checked by {source.checked}")
    return dataset


def _read_system_folder(name: str) -> Dataset:
    if not SYSTEM_FOLDER.is_dir():
        raise InputError(f"it is missing (`sudo apt-get install {PACKAGE}` installs it)")
    return _check_original(idx.load_idx(name, SYSTEM_FOLDER, "system folder", str(SYSTEM_FOLDER)))


def _read_cache(name: str) -> Dataset:
    """Read an earlier download and check its checksums again; delete it if it is damaged."""
    for download_name in DOWNLOADS:
        folder = CACHE / name / download_name
        try:
            if folder.is_dir():
                return _read_download(name, folder)
        except (ValueError, FileNotFoundError) as error:
            log(f"deleted {folder}: {error}")
            shutil.rmtree(folder)
    raise InputError("it does not hold a complete download")


def _download(download_name: str, fetch: Callable[[str, Path], str], name: str) -> Dataset:
    """Download files into a folder of the cache, which is created only when the files are complete and checked."""
    parent = CACHE / name
    parent.mkdir(parents=True, exist_ok=True)
    for unfinished in parent.glob(".part-*"):
        shutil.rmtree(unfinished)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".part-") as temporary:
        folder = Path(temporary) / download_name
        folder.mkdir()
        (folder / LOCATION).write_text(fetch(name, folder), encoding="utf-8")
        dataset = _read_download(name, folder)
        folder.replace(parent / download_name)
    return dataset


def _read_download(name: str, folder: Path) -> Dataset:
    kind, location = DOWNLOADS[folder.name], (folder / LOCATION).read_text(encoding="utf-8")
    if name == "cifar10":
        return _check_original(cifar.load_archive(folder / cifar.ARCHIVE, kind, location))
    return _check_original(idx.load_idx(name, folder, kind, location))


def _check_original(dataset: Dataset) -> Dataset:
    """Refuse a data set whose checksums are not the published ones; only the user's own path may hold other files."""
    if dataset.source.checked not in (idx.ORIGINAL, cifar.ORIGINAL):
        raise InputError(
            f"the checksums of the files in {dataset.source.location} are not the published ones"
        )
    return dataset


_CACHED = (f"the cache {CACHE}", _read_cache)
_TORCHVISION = ("torchvision's download", partial(_download, "torchvision", download))
_DEBIAN = (
    f"Debian's package {PACKAGE} by apt-get",
    partial(_download, "debian", lambda _, folder: fetch_package(folder)),
)
# The sources of each data set, in the order in which they are tried.
SOURCES: dict[str, tuple[tuple[str, Callable[[str], Dataset]], ...]] = {
    "fashion_mnist": (
        (f"the system folder {SYSTEM_FOLDER}", _read_system_folder),
        _CACHED,
        _TORCHVISION,
        _DEBIAN,
    ),
    "mnist": (_CACHED, _TORCHVISION),
    "cifar10": (_CACHED, _TORCHVISION),
    "digits": (("scikit-learn", lambda _: load_digits()),),
}
