"""Refuse to score real images against themselves: the same files, under any path, or the same pixels."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from stages.common.artifacts import hash_file
from stages.common.errors import InputError
from stages.images.image_sets import ImageSet, Source, SourceList

CURE = "scores of images against themselves mean nothing; name two sets that share none"
# The largest share of either set's distinct images that may be in both. A few, such as blank images, may be by chance.
LARGEST_SHARE = 0.5
# About how many of the files to score are compared with the real files before anything is computed.
SAMPLED_FILES = 20


Images = TypeVar("Images")


def pair_sets(real: Images, fakes: Sequence[Images], held_out: Images | None) -> list[tuple[Images, Images]]:
    """Pair the sets that must not share images: the real set, the held-out set, and each set to score."""
    pairs = [(real, fake) for fake in fakes]
    if held_out is not None:
        pairs.append((real, held_out))
        pairs += [(held_out, fake) for fake in fakes]
    return pairs


def check_arguments(real: SourceList, fakes: Sequence[SourceList], held_out: SourceList | None) -> None:
    """Refuse arguments that name the same file for two sets that must not share any, before any file is opened.

    Raises:
        InputError: there is such a file; the error names it.
    """
    for base, other in pair_sets(real, fakes, held_out):
        check_different_files(base, other)


def check_different_files(real: ImageSet | SourceList, fake: ImageSet | SourceList) -> None:
    """Refuse two sets with a file in common, also if a folder lies in the other, or by links to the same file.

    Raises:
        InputError: there is such a file; the error names it.
    """
    of_real = {_identify(source): source.path for source in real.sources}
    shared = [(source.path, of_real.get(_identify(source))) for source in fake.sources]
    shared = [(path, other) for path, other in shared if other is not None]
    if not shared:
        return
    path, other = shared[0]
    name = str(path) if path == other else f"{path}, which is {other}"
    raise InputError(
        f"{fake.label} and {real.label} share files: {len(shared)} of the {len(fake.sources)} of {fake.label} "
        f"are also among those of {real.label}, such as {name}: {CURE}"
    )


def check_no_copies(real: ImageSet, fake: ImageSet) -> None:
    """Refuse a set to score whose files are copies of real ones, by a sample of the files, before any is decoded.

    Raises:
        InputError: all of the compared files have the content of a real one.
    """
    real_by_size: dict[int, list[Path]] = defaultdict(list)
    for source in real.sources:
        real_by_size[source.path.stat().st_size].append(source.path)
    hashes_by_size: dict[int, set[str]] = {}
    found = set()
    for source in fake.sources[:: max(1, len(fake.sources) // SAMPLED_FILES)]:
        size = source.path.stat().st_size
        if size not in hashes_by_size:
            hashes_by_size[size] = set(map(hash_file, real_by_size[size]))
        sha256 = hash_file(source.path)
        if sha256 not in hashes_by_size[size]:
            return
        found.add(sha256)
    # A single equal content may be a blank image, or a file with two arrays.
    if len(found) > 1:
        raise InputError(f"the files of {fake.label} are copies of those of {real.label}: {CURE}")


def check_different_images(real: ImageSet, fake: ImageSet) -> int:
    """Refuse two sets that largely hold the same images; both have been read.

    Returns:
        The number of distinct images that are in both sets, to the pixel.

    Raises:
        InputError: several images are in both, and they are half of the distinct images of either set, or more.
    """
    of_real, of_fake = set(real.digests), set(fake.digests)
    shared = len(of_real & of_fake)
    if shared > 1 and shared >= LARGEST_SHARE * min(len(of_real), len(of_fake)):
        raise InputError(
            f"{fake.label} and {real.label} hold the same images: {shared} distinct ones are in both, to "
            f"the pixel, of {len(of_fake)} of {fake.label} and {len(of_real)} of {real.label}: {CURE}"
        )
    return shared


def _identify(source: Source) -> tuple[int, int, str]:
    """Identify a file by device and inode, which all of its names and links share, and the array in it."""
    state = source.path.stat()
    return state.st_dev, state.st_ino, source.array
