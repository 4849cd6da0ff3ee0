"""Read images from class folders, with or without the folders train/ and test/ above them."""

import re
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
from stages.common.image_files import decode, is_grey_array, is_grey_file
from stages.common.image_listing import Survey, count
from stages.prepare.dataset import UNCHECKED, Dataset, Source, Split
from stages.prepare.file_tree import list_image_files
from stages.prepare.log import log
from stages.prepare.splits import BY_HASH, choose_test_images

# Names of parts of a data set, which make no classes: training, val, train_images, val2017.
SPLIT_NAME = re.compile(
    r"(train|training|test|testing|val|valid|validation|dev|eval|evaluation|held[-_ ]?out)"
    r"([-_ ]?(set|split|data|images|imgs))?[-_ ]?\d*"
)
NAMED_CLASSES = 10
EXPECTED = "expected <class>/<image> or train/<class>/<image> and test/<class>/<image>"


class LabelledFile(NamedTuple):
    """One image file with its class and its split, which is None where the folders do not name it."""

    split: str | None
    class_name: str
    file: ListedFile


class Layout(NamedTuple):
    """The images of a folder with their classes and splits, and the faults of the folder's layout.

    Attributes:
        entries: the images that lie in a class folder.
        class_names: the names of the classes of all splits, sorted.
        division: who or what divided the images into train and test, in words.
        faults: messages, each of which makes sense alone; a folder with any fault is refused.
    """

    entries: list[LabelledFile]
    class_names: list[str]
    division: str
    faults: list[str]


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
    entries, class_names, division, faults = read_layout(list_image_files(path), path)
    if faults:
        raise InputError("\n".join(faults))
    log(f"{show_path(path)}: {_describe_classes(entries, class_names, division)}")
    channels = _choose_channels(entries, path)
    survey = Survey()
    splits = {split: _make_split(entries, split, class_names, survey) for split in SPLITS}
    source = Source("local path", show_path(path), f"{UNCHECKED}: the user's own images")
    check = partial(survey.finish, show_path(path), log)
    return Dataset(source, class_names, channels, division, splits, check)


def read_layout(tree: FileTree, path: Path) -> Layout:
    """Read the split and the class of every image from its folders, and find all faults of the layout.

    Args:
        tree: the listed image files.
        path: the path that they were listed from, for messages.
    """
    tops = {file.parts[0].lower() for file in tree.files}
    named = tops & set(SPLITS)
    is_divided = tops <= set(SPLITS) or (bool(named) and all(len(file.parts) > 2 for file in tree.files))
    are_splits = len(tops) > 1 and all(map(SPLIT_NAME.fullmatch, tops))
    if (is_divided or are_splits) and tops != set(SPLITS):
        fault = (
            f"{show_path(path)} holds {', '.join(sorted(tops))} at its top, expected train and test, or classes alone; "
            "name a folder that holds both, or remove this level to have the images divided"
        )
        return Layout([], [], "", [fault])
    depth = 1 if is_divided else 0
    placed = [file for file in tree.files if len(file.parts) >= depth + 2]
    entries = [
        LabelledFile(file.parts[0].lower() if is_divided else None, file.parts[depth], file)
        for file in placed
    ]
    class_names = sorted({entry.class_name for entry in entries})
    faults = [*_find_loose(tree.files, depth, path), *_find_odd_folders(tree, depth + 1, path)]
    if is_divided:
        faults += _find_missing_classes(entries, class_names, path)
        return Layout(entries, class_names, "the folders train and test", faults)
    faults += _find_single_images(entries, class_names, path)
    return Layout(_split_by_hash(entries, class_names), class_names, BY_HASH, faults)


def _describe_classes(entries: list[LabelledFile], class_names: list[str], division: str) -> str:
    """Describe how many images there are, of which classes, and whether folders below those of classes hold some."""
    depth = 0 if division == BY_HASH else 1
    rest = len(class_names) - NAMED_CLASSES
    names = ", ".join(class_names[:NAMED_CLASSES]) + (f" and {rest} more" if rest > 0 else "")
    text = f"{len(entries)} images of {len(class_names)} classes: {names}"
    deeper = [entry.file.where for entry in entries if len(entry.file.parts) > depth + 2]
    return (
        f"{text}; {len(deeper)} of them below the folders of classes, such as {deeper[0]}" if deeper else text
    )


def _find_loose(files: list[ListedFile], depth: int, path: Path) -> list[str]:
    loose = [file.where for file in files if len(file.parts) < depth + 2]
    if not loose:
        return []
    return [
        f"{show_path(path)} has {count(len(loose), 'image')} outside any class folder, such as {loose[0]}; {EXPECTED}. "
        "Images of one kind go into one class folder"
    ]


def _find_odd_folders(tree: FileTree, depth: int, path: Path) -> list[str]:
    """Find folders of classes and splits without images, and names of folders that are not printable UTF-8."""
    holding = {file.parts[:level] for file in tree.files for level in range(1, depth + 1)}
    folders = {parts[:level] for parts in tree.folders for level in range(1, min(depth, len(parts)) + 1)}
    empty, faults = [], []
    for folder in sorted(folders - holding):
        passed_over = [item for item in tree.passed_over if item.parts[: len(folder)] == folder]
        held = [f"only {count(len(passed_over), 'other file')}, such as {item.where}" for item in passed_over]
        empty.append(f"{show_path('/'.join(folder))}: {held[0] if held else 'it is empty'}")
    if empty:
        faults.append(
            format_faults(
                f"{show_path(path)} has {count(len(empty), 'folder')} without any image that can be read; add images, "
                "remove it, or begin its name with a dot if it is not a class",
                empty,
            )
        )
    names = sorted({parts[-1] for parts in holding if len(parts) == depth})
    odd = [show_path(name) for name in names if show_path(name) != name]
    if odd:
        faults.append(
            format_faults(
                f"{show_path(path)} has class folders whose names are not UTF-8 or not printable; rename them",
                odd,
            )
        )
    return faults


def _find_single_images(entries: list[LabelledFile], class_names: list[str], path: Path) -> list[str]:
    counts = Counter(entry.class_name for entry in entries)
    single = [show_path(name) for name in class_names if counts[name] < 2]
    if not single:
        return []
    return [
        f"{show_path(path)} has only one image of {', '.join(single)}; each class needs two, to train and to test"
    ]


def _split_by_hash(entries: list[LabelledFile], class_names: list[str]) -> list[LabelledFile]:
    labels = _label(entries, class_names)
    is_test = choose_test_images(["/".join(entry.file.parts) for entry in entries], labels)
    return [
        entry._replace(split="test" if held_out else "train")
        for entry, held_out in zip(entries, is_test, strict=True)
    ]


def _find_missing_classes(entries: list[LabelledFile], class_names: list[str], path: Path) -> list[str]:
    present = {(entry.split, entry.class_name) for entry in entries}
    missing = [
        f"{split}/{show_path(name)}"
        for split in SPLITS
        for name in class_names
        if (split, name) not in present
    ]
    if not missing:
        return []
    return [
        f"{show_path(path)} has no images in {', '.join(missing)}; train and test need the same classes, spelt alike"
    ]


def _choose_channels(entries: list[LabelledFile], path: Path) -> int:
    """Return 1 if every image is grey, even if some grey images are stored in colour; otherwise return 3.

    The first image in colour ends the search, so images are read twice only if all are grey.
    """
    stored_in_colour = 0
    for entry in entries:
        try:
            content = entry.file.read()
            if is_grey_file(content):
                continue
            pixels = np.asarray(decode(entry.file.where, content).image)
        except UnreadableFile:
            # The error is reported when the images are written, together with all others.
            continue
        if not is_grey_array(pixels):
            return 3
        stored_in_colour += 1
    if stored_in_colour:
        log(
            f"{show_path(path)}: all images are grey, of which {stored_in_colour} are stored in colour; they are "
            "prepared with one channel"
        )
    return 1


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
