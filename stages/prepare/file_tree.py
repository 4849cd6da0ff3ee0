"""List the image files of a folder, of a zip, or of a folder of zips, without unpacking any zip to disk."""

import re
from pathlib import Path

from stages.common.artifacts import SPLITS
from stages.common.errors import InputError
from stages.common.file_tree import FileTree, describe_passed_over, list_folder, show_path
from stages.common.image_listing import explain_no_images, select_images
from stages.common.zip_files import list_zip
from stages.prepare.log import log


def list_image_files(path: Path) -> FileTree:
    """List the image files under `path`, sorted by their paths; files that are left out are logged.

    A folder of zips is read as one tree: a zip whose name contains train or test, such as
    `cats-train.zip`, is that split.

    Args:
        path: a folder, a zip, or a folder that holds zips and no images.

    Raises:
        InputError: there are no images, a folder cannot be listed completely, or a zip is damaged or unsafe.
    """
    tree = _select(list_folder(path), path) if path.is_dir() else _select(list_zip(path), path)
    zips = sorted(path.glob("*.zip")) if path.is_dir() and not tree.files else []
    if zips:
        trees = [_list_zip_of_split(archive) for archive in zips]
        tree = FileTree(
            [file for found in trees for file in found.files],
            set().union(*(found.folders for found in trees)),
            [item for found in trees for item in found.passed_over],
        )
    if not tree.files:
        raise InputError(explain_no_images(show_path(path), tree))
    tree.files.sort(key=lambda file: (file.parts, file.where))
    return strip_outer_folders(tree)


def _select(tree: FileTree, path: Path) -> FileTree:
    tree = select_images(tree, show_path(path))
    if tree.passed_over and tree.files:
        log(f"{show_path(path)}: passed over {describe_passed_over(tree.passed_over)}")
    return tree


def strip_outer_folders(tree: FileTree) -> FileTree:
    """Remove outer folders that contain all others, as zips often have, but never train/, test/ or a class."""
    while tree.files and min(len(file.parts) for file in tree.files) > 2:
        tops = {parts[0] for parts in tree.folders if parts} | {file.parts[0] for file in tree.files}
        if len(tops) > 1 or tops & set(SPLITS) or tree.files[0].parts[0].lower() in SPLITS:
            break
        tree = FileTree(
            [file._replace(parts=file.parts[1:]) for file in tree.files],
            {parts[1:] for parts in tree.folders if parts},
            [item._replace(parts=item.parts[1:]) for item in tree.passed_over],
        )
    return tree


def _list_zip_of_split(path: Path) -> FileTree:
    """List one of several zips; its name determines the split unless its folders do."""
    tree = strip_outer_folders(_select(list_zip(path), path))
    named = [split for split in SPLITS if split in re.split(r"[^a-z]+", path.stem.lower())]
    if len(named) != 1 or any(file.parts[0].lower() in SPLITS for file in tree.files):
        return tree
    top = (named[0],)
    return FileTree(
        [file._replace(parts=top + file.parts) for file in tree.files],
        {top + parts for parts in tree.folders},
        tree.passed_over,
    )
