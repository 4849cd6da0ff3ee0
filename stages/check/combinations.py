"""Find sections that are each in order and cannot go together."""

from collections.abc import Mapping
from typing import Any

from stages.common.artifacts import SPLITS
from stages.common.params import load_section
from stages.extractor.params import ExtractorParams
from stages.networks.gan import load_gan_module
from stages.networks.params import NetworksParams
from stages.prepare.params import DATASETS, PrepareParams
from stages.sample.params import SampleParams
from stages.scores.params import ScoresParams
from stages.train.params import TrainParams


def find_combination_faults(content: Mapping[str, Any]) -> list[str]:
    """Name combinations that a later stage would have to refuse.

    Args:
        content: params.yaml, every section of which has been found in order.
    """
    prepare = load_section(PrepareParams, "prepare", content=content)
    train = load_section(TrainParams, "train", content=content)
    extractor = load_section(ExtractorParams, "extractor", content=content)
    sample = load_section(SampleParams, "sample", content=content)
    scores = load_section(ScoresParams, "scores", content=content)
    return [
        *_find_few_images("sample.sample_count", sample.sample_count, extractor, scores, "draw more samples"),
        *(
            fault
            for split, count in count_images(prepare).items()
            for fault in _find_few_images(
                f"the {split} split's images", count, extractor, scores, f"raise prepare.{split}_limit"
            )
        ),
        *_find_large_batches(count_images(prepare).get("train"), train, extractor),
        *_find_missing_networks(content["gans"], load_section(NetworksParams, "networks", content=content)),
    ]


def count_images(prepare: PrepareParams) -> dict[str, int]:
    """Count the images that each split will have; a split whose size only its files tell is left out."""
    facts, limits = DATASETS[prepare.dataset], prepare.limits()
    # A path may hold any number of images, but never more than its limit.
    known = {"train": facts.train_count, "test": facts.test_count} if prepare.path is None else {}
    counts = {}
    for split in SPLITS:
        bounds = [bound for bound in (known.get(split), limits[split]) if bound is not None]
        if bounds:
            counts[split] = min(bounds)
    return counts


def _find_few_images(
    name: str, count: int, extractor: ExtractorParams, scores: ScoresParams, cure: str
) -> list[str]:
    dimension, faults = extractor.feature_dimension(), []
    if count <= dimension:
        faults.append(
            f"{name} = {count}: FID with the {extractor.name}'s {dimension} features needs more than "
            f"{dimension} images; {cure}, or take an extractor with fewer features"
        )
    if count < scores.splits:
        faults.append(
            f"{name} = {count}: fewer than scores.splits = {scores.splits}; {cure}, or lower scores.splits"
        )
    return faults


def _find_large_batches(count: int | None, train: TrainParams, extractor: ExtractorParams) -> list[str]:
    if count is None:
        return []
    sizes = {"train.batch_size": train.batch_size}
    if extractor.name == "classifier":
        sizes["extractor.classifier.batch_size"] = extractor.classifier.batch_size
    return [
        f"{key} = {size}: the train split will have only {count} images; lower it or raise prepare.train_limit"
        for key, size in sizes.items()
        if size > count
    ]


def _find_missing_networks(gans: list[str], networks: NetworksParams) -> list[str]:
    wanted = networks.architecture
    allowed = {gan: load_gan_module(gan).GAN.architectures for gan in gans}
    return [
        f"networks.architecture = {wanted!r} and gans names {gan!r}, whose discriminator is an auto-encoder and comes "
        f"only as {', '.join(known)}; take {gan} out of gans or set networks.architecture to {known[0]}"
        for gan, known in allowed.items()
        if wanted not in known
    ]
