"""Score any images against any real ones, without the pipeline."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.artifacts import write_json
from stages.common.compute import configure_compute, describe_compute
from stages.common.errors import InputError
from stages.common.file_tree import show_path
from stages.common.image_files import FILTER_NAME
from stages.common.streams import print_result
from stages.evaluate.arguments import ImageArgument, ScoreArguments, parse_arguments
from stages.evaluate.extractor_choice import load_chosen_extractor
from stages.evaluate.image_sets import ImageSet, ReadOptions, open_images
from stages.evaluate.overlap import check_different_files, check_different_images, check_no_copies
from stages.evaluate.reference_cache import load_or_extract_reference
from stages.evaluate.score_table import format_scores
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics, sample_indices
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.scorer import Scorer


def main() -> None:
    """Score the images that the command line names, and print the scores as a table, as JSON, or both."""
    arguments = parse_arguments()
    # Where standard output is for JSON, the table and the progress go to standard error.
    is_piped = arguments.json == "-"
    with contextlib.redirect_stdout(sys.stderr if is_piped else sys.stdout):
        record = score_images(arguments)
        if arguments.json is not None and not is_piped:
            write_json(Path(arguments.json), record)
        print(format_scores(record), flush=True)
    if is_piped:
        print_result(json.dumps(record, indent=2, allow_nan=False))


def score_images(arguments: ScoreArguments) -> dict[str, Any]:
    """Score one set of images against another.

    Returns:
        Every score, its protocol with its digest, and the names of the images and of the params file.

    Raises:
        InputError: an argument is wrong, or there are too few images; where this can be known before the network
            computes, it is raised before.
    """
    params, reading = arguments.params, arguments.reading
    device = configure_compute(arguments.compute)
    extractor = load_chosen_extractor(arguments.extractor, device)
    real, fake = (
        _open_sample(images, reading, params.shuffle_seed) for images in (arguments.real, arguments.fake)
    )
    check_different_files(real, fake)
    check_no_copies(real, fake)
    if not arguments.is_in_order:
        fake.select(np.random.RandomState(params.shuffle_seed).permutation(len(fake)))
    _check_shapes(real, fake, extractor)
    _check_counts(real, fake, extractor, params)

    if len(real.sources) == len(fake.sources) == 1:
        # Arrays take little time to compare; files are compared once they have been read for their features.
        real.read_all()
        fake.read_all()
        check_different_images(real, fake)
    scorer = Scorer(load_or_extract_reference(real, extractor, params, arguments.cache), params)
    scores = scorer.score(extract_statistics(fake, extractor, params, fake.name, name_image=fake.name_image))
    shared_count = check_different_images(real, fake)
    reference = ReferenceSet(split=show_path(arguments.real.path), count=len(real), sha256=real.sha256)
    resize = None if reading.resize is None else f"{FILTER_NAME}, to {reading.resize} pixels"
    protocol = describe_protocol(extractor.card, params, reference, len(fake), resize)
    return {
        "real": show_path(arguments.real.path),
        "fake": show_path(arguments.fake.path),
        "image_shape": list(fake.shape[1:]),
        "distinct_images": len(set(fake.digests)),
        "shared_images": shared_count,
        **scores,
        "protocol": protocol.model_dump(),
        "protocol_digest": protocol.digest,
        "is_in_order": arguments.is_in_order,
        "params": arguments.params_file,
        **describe_compute(device),
    }


def _open_sample(argument: ImageArgument, reading: ReadOptions, seed: int) -> ImageSet:
    """Open a set of images, and keep a sample of it where the command line asks for a number of images."""
    images = open_images(argument.path, argument.option, reading)
    if argument.count is not None:
        if argument.count > len(images):
            raise InputError(
                f"{argument.count_source} {argument.count}: {images.name} holds only {len(images)} images; give more, "
                f"or name another number with {argument.option}-count"
            )
        images.select(sample_indices(len(images), argument.count, seed))
    return images


def _check_shapes(real: ImageSet, fake: ImageSet, extractor: Extractor) -> None:
    """Refuse images that differ in size from each other, or in shape from those that the extractor accepts."""
    if real.shape[2:] != fake.shape[2:]:
        sizes = [" x ".join(map(str, images.shape[2:])) for images in (real, fake)]
        raise InputError(
            f"{real.name} holds images of {sizes[0]} pixels and {fake.name} of {sizes[1]}: resizing only one set would "
            "make its images look worse; --resize N resizes both in the same way"
        )
    expected = extractor.card.image_shape
    for images in (real, fake):
        if expected is not None and expected[0] == 1 and images.shape[1] == 3:
            _take_as_grey(images, extractor)
        if expected is not None and list(images.shape[1:]) != expected:
            raise InputError(
                f"the {extractor.card.name} extractor accepts images {expected}, but those of {images.name} are "
                f"{list(images.shape[1:])}; use the extractor of their data set, or --extractor inception"
            )


def _take_as_grey(images: ImageSet, extractor: Extractor) -> None:
    try:
        images.as_grey()
    except ValueError as error:
        raise InputError(
            f"the {extractor.card.name} extractor accepts grey images, but {error}; use the extractor of their data "
            "set, or --extractor inception"
        ) from None
    print(f"{images.name}: the RGB images have equal channels and are taken as grey")


def _check_counts(real: ImageSet, fake: ImageSet, extractor: Extractor, params: ScoresParams) -> None:
    dimension = extractor.card.feature_dimension
    for images in (real, fake):
        count = len(images)
        if count <= dimension:
            raise InputError(
                f"{images.name}: {count} images, but FID with the {extractor.card.name}'s {dimension} features needs "
                f"{dimension + 1} or more; give more, or use an extractor with fewer features"
            )
        if count < params.splits:
            raise InputError(
                f"{images.name}: {count} images cannot be divided into {params.splits} splits; lower --splits"
            )
        if count < params.compared_count:
            size = min(params.kid_subset_size, count)
            raise InputError(
                f"{images.name}: {count} images are fewer than the {params.compared_count} that KID and other scores "
                f"compare; give more, or --compared-count {count} --kid-subset-size {size}"
            )
    if params.fid_count(len(fake)) > len(fake):
        raise InputError(
            f"{fake.name}: {len(fake)} images are fewer than scores.fid_sample_count = {params.fid_sample_count}"
        )
