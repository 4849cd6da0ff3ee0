"""Find a data set: by the user's path alone when there is one, else by the known sources, tried in order."""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stages.prepare import cifar, idx
from stages.prepare.dataset import Dataset
from stages.prepare.debian import PACKAGE, SYSTEM_FOLDER, fetch_package
from stages.prepare.digits import load_digits
from stages.prepare.downloads import DISK_FULL, download
from stages.prepare.image_folder import load_image_folder
from stages.prepare.progress import tell

CACHE = Path(".cache/datasets")
LOCATION = "location.txt"
# What is fetched: its folder in the cache -> how the manifest calls it.
FETCHED = {"torchvision": "torchvision's download", "debian": "Debian's package"}

LOCAL: dict[str, Callable[[Path], Dataset]] = {
    "fashion_mnist": lambda path: idx.load_idx("fashion_mnist", path, "local path", str(path)),
    "mnist": lambda path: idx.load_idx("mnist", path, "local path", str(path)),
    "cifar10": cifar.load_cifar,
    "image_folder": load_image_folder,
}
CURES = {
    "fashion_mnist": "get its four .gz files on another machine and set prepare.path to their folder",
    "mnist": "get its four .gz files on another machine and set prepare.path to their folder",
    "cifar10": f"get {cifar.ARCHIVE_URL} on another machine and set prepare.path to it",
    "digits": "install scikit-learn",
}


def load_dataset(name: str, path: Path | None) -> Dataset:
    """Load a data set from the first source that serves.

    Args:
        name: a key of params.DATASETS.
        path: where the user keeps the data; then nothing else is tried.

    Raises:
        ValueError: the path is wrong, or no source serves; then every one is named, why it failed, and the
            cure.
        OSError: the disk is full.
    """
    if path is not None:
        if not path.exists():
            raise ValueError(f"prepare.path = {str(path)!r} does not exist (seen from {Path.cwd()})")
        tell(f"{name}: reading {path}")
        return _announce(LOCAL[name](path))
    failures = []
    for title, load in SOURCES[name]:
        tell(f"{name}: trying {title}")
        try:
            return _announce(load(name))
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                # No source is to blame, and the next would fail alike.
                raise OSError(error.errno, error.strerror, str(CACHE / name)) from None
            tell(f"{title} does not serve: {error}")
            failures.append(f"  - {title}: {error}")
    raise ValueError(f"no source serves {name}:\n" + "\n".join(failures) + f"\nThe cure: {CURES[name]}")


def _announce(dataset: Dataset) -> Dataset:
    tell(f"found by {dataset.source.kind}: {dataset.source.location}; checked by {dataset.source.checked}")
    return dataset


def _read_system_folder(name: str) -> Dataset:
    if not SYSTEM_FOLDER.is_dir():
        raise ValueError(f"it is missing (`sudo apt-get install {PACKAGE}` makes it)")
    return _refuse_others(idx.load_idx(name, SYSTEM_FOLDER, "system folder", str(SYSTEM_FOLDER)))


def _read_cache(name: str) -> Dataset:
    """Read what an earlier call downloaded, its checksums checked again; what is damaged is thrown away."""
    for fetched in FETCHED:
        folder = CACHE / name / fetched
        try:
            if folder.is_dir():
                return _read_fetched(name, folder)
        except (ValueError, FileNotFoundError) as error:
            tell(f"threw away {folder}: {error}")
            shutil.rmtree(folder)
    raise ValueError("nothing sound is in it")


def _fetch(fetched: str, fetch: Callable[[str, Path], str], name: str) -> Dataset:
    """Fetch files into a folder of the cache, which appears there whole and checked or not at all."""
    home = CACHE / name
    home.mkdir(parents=True, exist_ok=True)
    for left_over in home.glob(".part-*"):
        shutil.rmtree(left_over)
    with tempfile.TemporaryDirectory(dir=home, prefix=".part-") as part:
        folder = Path(part) / fetched
        folder.mkdir()
        (folder / LOCATION).write_text(fetch(name, folder), encoding="utf-8")
        dataset = _read_fetched(name, folder)
        folder.replace(home / fetched)
    return dataset


def _read_fetched(name: str, folder: Path) -> Dataset:
    kind, location = FETCHED[folder.name], (folder / LOCATION).read_text(encoding="utf-8")
    if name == "cifar10":
        return _refuse_others(cifar.load_archive(folder / cifar.ARCHIVE, kind, location))
    return _refuse_others(idx.load_idx(name, folder, kind, location))


def _refuse_others(dataset: Dataset) -> Dataset:
    """Refuse what is not the published data set; only a path that the user named may hold something else."""
    if dataset.source.checked not in (idx.ORIGINAL, cifar.ORIGINAL):
        raise ValueError(
            f"{dataset.source.location} holds other files than those published, by their checksums"
        )
    return dataset


_CACHED = (f"the cache {CACHE}", _read_cache)
_TORCHVISION = ("torchvision's download", partial(_fetch, "torchvision", download))
_DEBIAN = (
    f"Debian's package {PACKAGE} by apt-get",
    partial(_fetch, "debian", lambda _, folder: fetch_package(folder)),
)
# In the order in which they are tried.
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
