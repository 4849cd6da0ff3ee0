"""Survey a folder of images: find all its faults at once, and count what the params depend on."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.artifacts import SPLITS
from stages.common.errors import InputError
from stages.common.file_tree import FileTree, ListedFile, UnreadableFile, list_folder, show_path
from stages.common.image_files import decode, is_grey_array
from stages.common.image_listing import OTHER_SUFFIXES, Survey, count, join_unreadable, select_images
from stages.common.zip_files import list_zip
from stages.prepare.file_tree import list_image_files, strip_outer_folders
from stages.prepare.image_folder import LabelledFile, read_layout
from stages.prepare.splits import check_disjoint, digest_pixels


class FolderSurvey(NamedTuple):
    """The content of a folder of images.

    Attributes:
        counts: the numbers of train and of test images, by class.
        sizes: the width and height of every readable image, in pixels.
        grey_count: the number of readable images that are grey.
        faults: the reasons why the images cannot be used, each with its cure.
        notes: other remarks on the files, for the user.
    """

    counts: dict[str, tuple[int, int]]
    sizes: list[tuple[int, int]]
    grey_count: int
    faults: list[str]
    notes: list[str]

    @property
    def train_count(self) -> int:
        """The number of images of the train split."""
        return sum(train for train, _ in self.counts.values())

    @property
    def test_count(self) -> int:
        """The number of images of the test split."""
        return sum(test for _, test in self.counts.values())

    @property
    def median_side(self) -> int:
        """The median of the images' shorter sides, in pixels; 0 without images."""
        return int(np.median([min(size) for size in self.sizes])) if self.sizes else 0


def survey_folder(path: Path) -> FolderSurvey:
    """Read every image of a folder, or zip, of class folders once.

    Args:
        path: the folder or zip.

    Returns:
        The survey. If the folder cannot be listed, that is its only fault.
    """
    if not path.exists():
        return _fail(f"{show_path(path)}: there is no such folder or file")
    try:
        tree, unread = _list_files(path)
    except InputError as error:
        return _fail(str(error))
    layout = read_layout(tree, path)
    found = _decode_all([entry for entry in layout.entries if not _is_unread(entry.file)], path)
    faults = unread + layout.faults + found.faults
    return found._replace(counts=_count_by_class(layout.entries), faults=faults)


def _list_files(path: Path) -> tuple[FileTree, list[str]]:
    """List the images, and report those in unsupported formats; both are counted, as the latter can be converted.

    Raises:
        InputError: there are no images, or they cannot be listed.
    """
    try:
        return list_image_files(path), []
    except InputError as error:
        tree = list_folder(path) if path.is_dir() else list_zip(path)
        unread = [file for file in tree.files if _is_unread(file)]
        if not unread:
            raise
        read = select_images(
            tree._replace(files=[file for file in tree.files if not _is_unread(file)]), show_path(path)
        )
        files = sorted([*read.files, *unread], key=lambda file: (file.parts, file.where))
        return strip_outer_folders(read._replace(files=files)), [str(error)]


def _is_unread(file: ListedFile) -> bool:
    return Path(file.parts[-1]).suffix.lower() in OTHER_SUFFIXES


def _fail(fault: str) -> FolderSurvey:
    return FolderSurvey({}, [], 0, [fault], [])


def _count_by_class(entries: list[LabelledFile]) -> dict[str, tuple[int, int]]:
    counts = {entry.class_name: dict.fromkeys(SPLITS, 0) for entry in entries}
    for entry in entries:
        counts[entry.class_name][entry.split or SPLITS[0]] += 1
    return {name: (splits["train"], splits["test"]) for name, splits in sorted(counts.items())}


def _decode_all(entries: list[LabelledFile], path: Path) -> FolderSurvey:
    sizes: list[tuple[int, int]] = []
    faults: list[str] = []
    notes: list[str] = []
    grey_count, survey = 0, Survey()
    digests: dict[str | None, set[bytes]] = {split: set() for split in SPLITS}
    for entry in entries:
        try:
            decoded = decode(entry.file.where, entry.file.read())
        except UnreadableFile as error:
            faults.append(str(error))
            continue
        survey.add(entry.file.where, decoded)
        sizes.append(decoded.image.size)
        grey_count += is_grey_array(np.asarray(decoded.image))
        digests[entry.split].add(digest_pixels(decoded.image.tobytes()))
    whole = [join_unreadable(show_path(path), faults, len(entries))] if faults else []
    for check in (
        partial(survey.finish, show_path(path), notes.append),
        partial(check_disjoint, digests["train"], digests["test"], show_path(path)),
    ):
        try:
            check()
        except InputError as error:
            whole.append(str(error))
    return FolderSurvey({}, sizes, grey_count, whole, notes)


def describe(survey: FolderSurvey, path: Path) -> str:
    """Say in one sentence what the folder holds: how many images of which classes, sizes and colours."""
    counts = {name: sum(splits) for name, splits in survey.counts.items()}
    classes = ", ".join(
        f"{show_path(name)} {number}" for name, number in list(counts.items())[:NAMED_CLASSES]
    )
    rest = len(counts) - NAMED_CLASSES
    more = f" and {rest} more" if rest > 0 else ""
    smallest, largest = (choose(survey.sizes, key=lambda size: size[0] * size[1]) for choose in (min, max))
    ends = " to ".join(dict.fromkeys(f"{width} x {height}" for width, height in (smallest, largest)))
    colour = len(survey.sizes) - survey.grey_count
    return (
        f"{show_path(path)}: {count(sum(counts.values()), 'image')} of "
        f"{len(counts)} {'class' if len(counts) == 1 else 'classes'} ({classes}{more}), {ends} pixels, "
        f"{colour} in colour and {survey.grey_count} grey"
    )


NAMED_CLASSES = 8
