"""Find sections of params.yaml that are each valid but contradict each other."""

from collections.abc import Mapping
from typing import Any

from stages.common.artifacts import SPLITS
from stages.common.compute import ComputeParams
from stages.common.params import load_section
from stages.extractor.params import SECTION as EXTRACTOR_SECTION
from stages.extractor.params import ExtractorParams
from stages.lipschitz.params import LipschitzParams
from stages.nearest.params import NeighboursParams
from stages.networks.gan import load_gan_module
from stages.networks.params import NetworksParams
from stages.prepare.params import DATASETS, PrepareParams
from stages.reference.params import ReferenceParams
from stages.sample.params import SampleParams
from stages.scores.extra_scores import find_extra_faults
from stages.scores.params import ScoresParams
from stages.train.params import TrainParams


def find_combination_faults(content: Mapping[str, Any]) -> list[str]:
    """List the combinations of params that a later stage would refuse.

    Args:
        content: the content of params.yaml, whose sections are all valid.
    """
    prepare = load_section(PrepareParams, "prepare", content=content)
    train = load_section(TrainParams, "train", content=content)
    extractor = load_section(EXTRACTOR_SECTION, "extractor", content=content)
    sample = load_section(SampleParams, "sample", content=content)
    scores = load_section(ScoresParams, "scores", content=content)
    lipschitz = load_section(LipschitzParams, "lipschitz", content=content)
    reference = load_section(ReferenceParams, "reference", content=content)
    neighbours = load_section(NeighboursParams, "neighbours", content=content)
    counts = count_images(prepare)
    return [
        *_find_few_samples("sample.sample_count", sample.sample_count, extractor, scores),
        *_find_few_images(
            "sample.sample_count", sample.sample_count, extractor, scores, "generate more samples"
        ),
        *(
            fault
            for split, count in counts.items()
            for fault in (
                *_find_few_compared(split, count, reference, scores),
                *_find_few_images(
                    f"the {split} split's images", count, extractor, scores, f"raise prepare.{split}_limit"
                ),
            )
        ),
        *find_extra_faults(scores.extra, extractor.name, reference.split),
        *_find_missing_classes(prepare, counts, extractor),
        *_find_large_batches(counts.get("train"), train, extractor, lipschitz),
        *_find_processes_that_cannot_train(load_section(ComputeParams, "compute", content=content), train),
        *_find_many_neighbours(neighbours, sample),
        *_find_missing_networks(content["gans"], load_section(NetworksParams, "networks", content=content)),
    ]


def _find_many_neighbours(neighbours: NeighboursParams, sample: SampleParams) -> list[str]:
    if neighbours.sample_count <= sample.sample_count:
        return []
    return [
        f"neighbours.sample_count = {neighbours.sample_count}: only sample.sample_count = {sample.sample_count} images "
        "are generated; lower it or generate more samples"
    ]


def count_images(prepare: PrepareParams) -> dict[str, int]:
    """Count the images that each split will have; a split whose size depends on its files is left out."""
    facts, limits = DATASETS[prepare.dataset], prepare.limits()
    # The number of images under a user's path is not known here, but the limit applies to it, too.
    known = {"train": facts.train_count, "test": facts.test_count} if prepare.path is None else {}
    counts = {}
    for split in SPLITS:
        bounds = [bound for bound in (known.get(split), limits[split]) if bound is not None]
        if bounds:
            counts[split] = min(bounds)
    return counts


def _find_missing_classes(
    prepare: PrepareParams, counts: Mapping[str, int], extractor: ExtractorParams
) -> list[str]:
    """Find limits that leave a class without an image to train the classifier on, or one class to test it on."""
    classes = DATASETS[prepare.dataset].class_count
    if extractor.name != "classifier":
        return []
    return [
        f"prepare.{split}_limit = {counts[split]}: the extractor `classifier` needs one image or more of each of "
        f"{needed} classes; raise it, or set extractor.name to inception"
        for split, needed in (("train", classes or 2), ("test", 2))
        if counts.get(split, needed) < needed
    ]


def _find_few_images(
    name: str, count: int, extractor: ExtractorParams, scores: ScoresParams, remedy: str
) -> list[str]:
    dimension, faults = extractor.feature_dimension(), []
    if count <= dimension:
        faults.append(
            f"{name} = {count}: FID with the {extractor.name}'s {dimension} features needs more than "
            f"{dimension} images; {remedy}, or use an extractor with fewer features"
        )
    if extractor.options.tells_classes and count < scores.splits:
        faults.append(
            f"{name} = {count}: fewer than scores.splits = {scores.splits}; {remedy}, or lower scores.splits"
        )
    return faults


def _find_few_samples(name: str, count: int, extractor: ExtractorParams, scores: ScoresParams) -> list[str]:
    """Find scores that need more generated images than there are."""
    fid_count, dimension = scores.fid_count(count), extractor.feature_dimension()
    faults = [
        f"scores.{key} = {least}: more than {name} = {count}; lower it or generate more samples"
        for key, least in (("fid_sample_count", fid_count), ("compared_count", scores.compared_count))
        if least > count
    ]
    if scores.fid_sample_count is not None and fid_count <= dimension:
        faults.append(
            f"scores.fid_sample_count = {fid_count}: FID with the {extractor.name}'s {dimension} features needs more "
            f"than {dimension} images; raise it"
        )
    return faults


def _find_few_compared(split: str, count: int, reference: ReferenceParams, scores: ScoresParams) -> list[str]:
    """Find scores that need more real images than there are."""
    faults = []
    if split == reference.split and reference.count is not None:
        if reference.count > count:
            faults.append(
                f"reference.count = {reference.count}: the {split} split will have only {count} images; lower it"
            )
        count = min(count, reference.count)
    if scores.compared_count > count:
        faults.append(
            f"scores.compared_count = {scores.compared_count}: more than the {count} images of the {split} split that "
            "are scored; lower it"
        )
    return faults


def _find_large_batches(
    count: int | None, train: TrainParams, extractor: ExtractorParams, lipschitz: LipschitzParams
) -> list[str]:
    if count is None:
        return []
    sizes = {"train.batch_size": train.batch_size, "lipschitz.image_count": lipschitz.image_count}
    if extractor.name == "classifier":
        sizes["extractor.classifier.batch_size"] = extractor.options.batch_size
    return [
        f"{key} = {size}: the train split will have only {count} images; lower it or raise prepare.train_limit"
        for key, size in sizes.items()
        if size > count
    ]


def _find_processes_that_cannot_train(compute: ComputeParams, train: TrainParams) -> list[str]:
    """Find what prevents `compute.processes` processes from training one trial together."""
    if compute.processes == 1:
        return []
    name = f"compute.processes = {compute.processes}"
    faults = {
        "compute.device = 'mps': several processes train together on cpu or cuda only": compute.device
        == "mps",
        "train.cuda_graphs = true: it needs one process": train.cuda_graphs is True,
        f"train.batch_size = {train.batch_size} cannot be shared evenly; choose a multiple": train.batch_size
        % compute.processes,
    }
    return [f"{name}, but {fault}" for fault, is_there in faults.items() if is_there]


def _find_missing_networks(gans: list[str], networks: NetworksParams) -> list[str]:
    architecture = networks.architecture
    known_by_gan = {gan: load_gan_module(gan).GAN.architectures for gan in gans}
    return [
        f"networks.architecture = {architecture!r} and gans names {gan!r}, whose discriminator is an auto-encoder and "
        f"comes only as {', '.join(known)}; remove {gan} from gans or set networks.architecture to {known[0]}"
        for gan, known in known_by_gan.items()
        if architecture not in known
    ]
