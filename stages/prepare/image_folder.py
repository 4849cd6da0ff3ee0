"""Read images from class folders, with or without the folders train/ and test/ above them."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.artifacts import SPLITS
from stages.common.errors import InputError
from stages.common.file_tree import FileTree, ListedFile, UnreadableFile, format_faults, show_path
from stages.common.image_files import decode, is_grey_file
from stages.common.image_listing import Survey, count
from stages.prepare.dataset import UNCHECKED, Dataset, Source, Split
from stages.prepare.file_tree import list_image_files
from stages.prepare.log import log
from stages.prepare.splits import BY_HASH, choose_test_images

EXPECTED = "expected <class>/<image> or train/<class>/<image> and test/<class>/<image>"


class LabelledFile(NamedTuple):
    """One image file with its class and its split, which is None where the folders do not name it."""

    split: str | None
    class_name: str
    file: ListedFile


def load_image_folder(path: Path) -> Dataset:
    """List the images of a folder or zip of class folders; they are decoded later, when they are written.

    Classes are numbered in the order of their names; images are sorted by class, then by name.
    Without train/ and test/ folders a sixth of each class becomes the test split.

    Args:
        path: a folder, a zip, or a folder of zips.

    Raises:
        InputError: the images do not lie in class folders, a split or a class of it is missing, or a zip is
            damaged.
    """
    tree = list_image_files(path)
    entries = _read_labels(tree.files, path)
    _check_folders(tree, 1 if entries[0].split is None else 2, path)
    class_names = sorted({entry.class_name for entry in entries})
    if entries[0].split is None:
        entries, division = _split_by_hash(entries, class_names, path), BY_HASH
    else:
        division = "the folders train and test"
    _check_classes(entries, class_names, path)
    log(f"{show_path(path)}: {len(entries)} images of {len(class_names)} classes")
    # The first image in colour ends the search, so images are read twice only where all are grey.
    channels = 1 if all(_may_be_grey(entry.file) for entry in entries) else 3
    survey = Survey()
    splits = {split: _make_split(entries, split, class_names, survey) for split in SPLITS}
    source = Source("local path", show_path(path), f"{UNCHECKED}: the user's own images")
    check = partial(survey.finish, show_path(path), log)
    return Dataset(source, class_names, channels, division, splits, check)


def _read_labels(files: list[ListedFile], path: Path) -> list[LabelledFile]:
    """Read the split and the class of every image from the names of its folders."""
    tops = {file.parts[0].lower() for file in files}
    named = tops & set(SPLITS)
    is_divided = tops <= set(SPLITS) or (bool(named) and all(len(file.parts) > 2 for file in files))
    if is_divided and tops != set(SPLITS):
        raise InputError(
            f"{show_path(path)} holds {', '.join(sorted(tops))} at its top, expected train and test, or classes alone; "
            "name a folder that holds both, or remove the level of train/ to have the images divided"
        )
    depth = 1 if is_divided else 0
    loose = [file.where for file in files if len(file.parts) < depth + 2]
    if loose:
        raise InputError(
            f"{show_path(path)} has {len(loose)} images outside any class folder, such as {loose[0]}; {EXPECTED}. "
            "Images of one kind go into one class folder"
        )
    return [
        LabelledFile(file.parts[0].lower() if is_divided else None, file.parts[depth], file) for file in files
    ]


def _check_folders(tree: FileTree, depth: int, path: Path) -> None:
    """Refuse folders of classes and splits without images, and names that the records could not hold."""
    holding = {file.parts[:level] for file in tree.files for level in range(1, depth + 1)}
    folders = {parts[:level] for parts in tree.folders for level in range(1, min(depth, len(parts)) + 1)}
    faults = []
    for folder in sorted(folders - holding):
        passed_over = [item for item in tree.passed_over if item.parts[: len(folder)] == folder]
        held = [f"only {count(len(passed_over), 'other file')}, such as {item.where}" for item in passed_over]
        faults.append(f"{show_path('/'.join(folder))}: {held[0] if held else 'it is empty'}")
    if faults:
        raise InputError(
            format_faults(
                f"{show_path(path)} has {count(len(faults), 'folder')} without any image that can be read; add images, "
                "remove it, or begin its name with a dot if it is no class",
                faults,
            )
        )
    names = sorted({parts[-1] for parts in holding if len(parts) == depth})
    odd = [show_path(name) for name in names if show_path(name) != name]
    if odd:
        raise InputError(
            format_faults(
                f"{show_path(path)} has class folders whose names are not UTF-8 or not printable; rename them",
                odd,
            )
        )


def _split_by_hash(entries: list[LabelledFile], class_names: list[str], path: Path) -> list[LabelledFile]:
    counts = Counter(entry.class_name for entry in entries)
    single = [name for name in class_names if counts[name] < 2]
    if single:
        raise InputError(
            f"{show_path(path)} has only one image of {', '.join(single)}; each class needs two, to train and to test"
        )
    labels = _label(entries, class_names)
    is_test = choose_test_images(["/".join(entry.file.parts) for entry in entries], labels)
    return [
        entry._replace(split="test" if held_out else "train")
        for entry, held_out in zip(entries, is_test, strict=True)
    ]


def _check_classes(entries: list[LabelledFile], class_names: list[str], path: Path) -> None:
    present = {(entry.split, entry.class_name) for entry in entries}
    missing = [f"{split}/{name}" for split in SPLITS for name in class_names if (split, name) not in present]
    if missing:
        raise InputError(
            f"{show_path(path)} has no images in {', '.join(missing)}; train and test need the same classes, "
            "spelt alike"
        )


def _may_be_grey(file: ListedFile) -> bool:
    try:
        return is_grey_file(file.read())
    except UnreadableFile:
        # The error is reported when the images are written, together with all others.
        return True


def _make_split(entries: list[LabelledFile], split: str, class_names: list[str], survey: Survey) -> Split:
    chosen = [entry for entry in entries if entry.split == split]
    files = [entry.file for entry in chosen]

    def open_image(index: int) -> Image.Image:
        decoded = decode(files[index].where, files[index].read())
        survey.add(files[index].where, decoded)
        return decoded.image

    return Split(_label(chosen, class_names), open_image)


def _label(entries: list[LabelledFile], class_names: list[str]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(class_names)}
    return np.array([numbers[entry.class_name] for entry in entries], dtype=np.int64)
