"""Score anyone's images against anyone's real ones, without a pipeline around it."""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stages.common.artifacts import write_json
from stages.common.compute import ComputeParams, configure_compute, describe_compute
from stages.common.image_files import FILTER_NAME
from stages.common.params import ParamsError, find_faults
from stages.evaluate.command import choose_params, make_parser, read_counts
from stages.evaluate.extractor_choice import choose_extractor
from stages.evaluate.image_sets import ImageSet, Reading, open_images
from stages.evaluate.real_cache import see_real
from stages.evaluate.score_table import lay_out
from stages.scores.extractor import Extractor
from stages.scores.feature_statistics import extract_statistics, sample_indices
from stages.scores.params import ScoresParams
from stages.scores.protocol import ReferenceSet, describe_protocol
from stages.scores.scorer import Scorer


def main() -> None:
    """Score what the command line names, and print the scores as a table, as JSON, or both."""
    arguments = make_parser().parse_args()
    # Where standard output is for JSON, all that people read goes beside it.
    is_piped = arguments.json == "-"
    with contextlib.redirect_stdout(sys.stderr if is_piped else sys.stdout):
        record = score_images(arguments)
        print(lay_out(record), flush=True)
    if is_piped:
        print(json.dumps(record, indent=2, allow_nan=False), flush=True)
    elif arguments.json is not None:
        write_json(Path(arguments.json), record)


def score_images(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score one set of images against another.

    Args:
        arguments: what `make_parser` reads.

    Returns:
        Every score, its protocol with its digest, and what was read.

    Raises:
        ValueError: anything that was asked for is wrong, missing or too little; before the network looks at
            anything where that can be told then.
    """
    params, params_file = choose_params(arguments)
    device = configure_compute(_choose_compute(arguments))
    extractor = choose_extractor(arguments, device)
    reading = Reading(arguments.layout, arguments.floats, _positive(arguments.resize, "--resize"))
    real = open_images(arguments.real, "--real", reading)
    fake = open_images(arguments.fake, "--fake", reading)
    _choose_images(real, fake, arguments, params)
    _refuse_unlike(real, fake, extractor)
    _refuse_few(real, fake, extractor, params)

    scorer = Scorer(see_real(real, extractor, params, arguments.cache), params)
    scores = scorer.score(extract_statistics(fake, extractor, params, fake.name, name_image=fake.name_image))
    reference = ReferenceSet(split=arguments.real, count=len(real))
    resize = None if reading.resize is None else f"{FILTER_NAME}, to {reading.resize} pixels"
    protocol = describe_protocol(extractor.card, params, reference, len(fake), resize)
    return {
        "real": str(arguments.real),
        "fake": str(arguments.fake),
        "image_shape": list(fake.shape[1:]),
        "distinct_images": fake.distinct_count,
        **scores,
        "protocol": protocol.model_dump(),
        "protocol_digest": protocol.digest,
        "is_in_order": arguments.in_order,
        "params": params_file,
        **describe_compute(device),
    }


def _choose_compute(arguments: argparse.Namespace) -> ComputeParams:
    given = {"device": arguments.device, "threads": arguments.threads, "images": "auto"}
    faults = find_faults(lambda: ComputeParams(**given), "options")
    if faults:
        raise ParamsError(faults, Path("the command line"))
    return ComputeParams(**given)


def _positive(value: int | None, option: str) -> int | None:
    if value is not None and value < 1:
        raise ValueError(f"{option} {value}: expected 1 or more")
    return value


def _choose_images(
    real: ImageSet, fake: ImageSet, arguments: argparse.Namespace, params: ScoresParams
) -> None:
    """Draw as many of either as was asked for; scored ones in the order of the seed, unless that is not wanted."""
    wanted = read_counts(arguments.protocol)
    for images, side, given in ((real, "real", arguments.real_count), (fake, "fake", arguments.fake_count)):
        option = f"--{side}-count"
        count, said_by = wanted[side], f"--protocol {arguments.protocol} asks for"
        if _positive(given, option) is not None:
            count, said_by = given, option
        if count is not None:
            if count > len(images):
                raise ValueError(
                    f"{said_by} {count}: {images.name} holds only {len(images)} images; give more, or name another "
                    f"number with {option}"
                )
            images.choose(sample_indices(len(images), count, params.shuffle_seed))
    if not arguments.in_order:
        fake.choose(np.random.RandomState(params.shuffle_seed).permutation(len(fake)))


def _refuse_unlike(real: ImageSet, fake: ImageSet, extractor: Extractor) -> None:
    """Refuse images that differ in size from each other, or in shape from what the extractor takes."""
    if real.shape[2:] != fake.shape[2:]:
        sizes = [" x ".join(map(str, images.shape[2:])) for images in (real, fake)]
        raise ValueError(
            f"{real.name} holds images of {sizes[0]} pixels and {fake.name} of {sizes[1]}: a resize of one side alone "
            "would be measured as a fault of its images; --resize N does the same to both"
        )
    wanted = extractor.card.image_shape
    for images in (real, fake):
        if wanted is not None and list(images.shape[1:]) != wanted:
            raise ValueError(
                f"the {extractor.card.name} extractor takes images {wanted}, but those of {images.name} are "
                f"{list(images.shape[1:])}; take the extractor of their data set, or --extractor inception"
            )


def _refuse_few(real: ImageSet, fake: ImageSet, extractor: Extractor, params: ScoresParams) -> None:
    dimension = extractor.card.feature_dimension
    for images in (real, fake):
        count = len(images)
        if count <= dimension:
            raise ValueError(
                f"{images.name}: {count} images, but FID with the {extractor.card.name}'s {dimension} features needs "
                f"{dimension + 1} or more; give more, or take an extractor with fewer features"
            )
        if count < params.splits:
            raise ValueError(
                f"{images.name}: {count} images cannot be split in {params.splits}; lower --splits"
            )
        if count < params.compared_count:
            size = min(params.kid_subset_size, count)
            raise ValueError(
                f"{images.name}: {count} images are fewer than the {params.compared_count} that KID and the rest "
                f"compare; give more, or --compared-count {count} --kid-subset-size {size}"
            )
    if params.fid_count(len(fake)) > len(fake):
        raise ValueError(
            f"{fake.name}: {len(fake)} images; scores.fid_sample_count = {params.fid_sample_count}"
        )
