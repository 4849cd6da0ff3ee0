"""Choose params for a folder of one's own images, or list all reasons why its images cannot be used."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.own.survey import FolderSurvey
from stages.prepare.params import IMAGE_SIZES
from stages.prepare.splits import TEST_SHARE
from stages.scores.chance import SIGNIFICANCE, compute_tail
from stages.scores.params import LEAST_IMAGES_A_NEIGHBOUR

# At this side, in pixels, a comparison takes minutes on two cores.
LARGEST_SIDE = 32
SMALLEST_SIDE = 8
SAMPLE_COUNT = 1000
# The largest values that are chosen, where there are enough images; they are those of the default preset.
FEATURES = (64, 32, 16, 8, 4)
MOST_COMPARED = 1000
PRECISION_RECALL_NEIGHBOURS = 3
DENSITY_COVERAGE_NEIGHBOURS = 5
SPLITS = 10
# A covariance matrix needs more images than features to be of full rank; some more images make it less noisy.
IMAGES_A_FEATURE = 1.25
# The number of batches that the classifier is trained with, whatever the number of images.
CLASSIFIER_BATCHES = 500
MOST_EPOCHS = 300


class Note(NamedTuple):
    """One choice for the user to read: its name, its value, and the reason."""

    name: str
    value: str
    reason: str


class Plan(NamedTuple):
    """The params that were chosen for a folder of images.

    Attributes:
        params: the sections and keys of params.yaml that differ from the default preset.
        notes: the choices and their reasons.
        faults: the reasons why the images cannot be used; if there are any, `params` and `notes` are empty.
    """

    params: dict[str, Any]
    notes: list[Note]
    faults: list[str]


def make_plan(
    survey: FolderSurvey,
    path: str,
    gans: Sequence[str],
    generator_steps: int,
    image_size: int | None = None,
) -> Plan:
    """Choose params that fit the images.

    Args:
        survey: the survey of the folder.
        path: the path of the folder, as params.yaml names it.
        gans: the GANs to train.
        generator_steps: the number of generator steps of each training.
        image_size: the side of the images in pixels; None chooses it by the images.
    """
    faults = [*survey.faults, *_find_limits(survey, image_size)]
    if faults:
        return Plan({}, [], faults)
    side = image_size or choose_side(survey.median_side)
    least = min(survey.train_count, survey.test_count)
    compared = min(MOST_COMPARED, least)
    allowed_neighbours = compared // LEAST_IMAGES_A_NEIGHBOUR
    neighbours = [
        min(k, allowed_neighbours) for k in (PRECISION_RECALL_NEIGHBOURS, DENSITY_COVERAGE_NEIGHBOURS)
    ]
    features = choose_features(least)
    batch_size = min(32, survey.train_count)
    epochs = min(MOST_EPOCHS, math.ceil(CLASSIFIER_BATCHES / (survey.train_count // batch_size)))
    accuracy = _floor(find_least_correct(survey) / survey.test_count)
    splits = max(1, min(SPLITS, least // LEAST_IMAGES_A_NEIGHBOUR))
    params: dict[str, Any] = {
        "gans": list(gans),
        "settings_used": ["A"],
        "seeds": [0],
        "prepare": {"dataset": "image_folder", "path": path, "image_size": side},
        "train": {
            "batch_size": min(16, survey.train_count),
            "generator_steps": generator_steps,
            "evaluation_points": min(5, generator_steps),
        },
        "sample": {"sample_count": SAMPLE_COUNT},
        "extractor": {
            "name": "classifier",
            "classifier": {
                "epochs": epochs,
                "batch_size": batch_size,
                "feature_dimension": features,
                "minimum_test_accuracy": accuracy,
            },
        },
        "scores": {
            "splits": splits,
            "compared_count": compared,
            "kid_subset_size": compared,
            "precision_recall_neighbours": neighbours[0],
            "density_coverage_neighbours": neighbours[1],
        },
        "lipschitz": {"image_count": min(64, survey.train_count)},
        "neighbours": {"real_count": min(500, survey.test_count)},
        "ablation": {"is_enabled": False},
        "report": {"title": "Two GANs on one's own images" if len(gans) == 2 else "GANs on one's own images"},
    }
    return Plan(params, _explain(survey, params), [])


def choose_side(median_side: int) -> int:
    """Choose the images' side in pixels: the largest side of the networks up to `median_side` and LARGEST_SIDE."""
    return max(size for size in IMAGE_SIZES if size <= min(LARGEST_SIDE, median_side))


def choose_features(count: int) -> int:
    """Choose the number of the classifier's features, so that `count` images are enough for FID."""
    return next(dimension for dimension in FEATURES if dimension * IMAGES_A_FEATURE <= count)


def find_least_correct(survey: FolderSurvey) -> int:
    """Find how many test images must be classified correctly to be significantly above chance.

    Returns:
        The number of images; the number of test images + 1 if even a perfect classifier would not be significant.
    """
    count = survey.test_count
    share = max(test for _, test in survey.counts.values()) / count
    return next(
        (correct for correct in range(1, count + 1) if compute_tail(correct, count, share) < SIGNIFICANCE),
        count + 1,
    )


def _floor(share: float) -> float:
    """Round down to two decimals; a minimum accuracy that is rounded up would be too strict."""
    return math.floor(100.0 * share) / 100.0


def _find_limits(survey: FolderSurvey, image_size: int | None) -> list[str]:
    """List the faults of images that are too few, too small, or all of one class."""
    if not survey.counts:
        return []
    faults = []
    if len(survey.counts) == 1:
        (name,) = survey.counts
        faults.append(
            f"all images are of one class, {name!r}, so the classifier that scores are measured with has nothing to "
            "learn: put the images of each kind into a class folder of its own, two kinds or more"
        )
    if image_size is not None and image_size not in IMAGE_SIZES:
        near = sorted(IMAGE_SIZES, key=lambda size: abs(size - image_size))[:2]
        faults.append(
            f"--size {image_size}: networks generate 4, 5, 6 or 7 times a power of two; nearest: {near[0]}, {near[1]}"
        )
    if image_size is None and 0 < survey.median_side < SMALLEST_SIDE:
        faults.append(
            f"half of the images are {survey.median_side} pixels or less across, and the smallest that networks "
            f"generate is {SMALLEST_SIDE}: give larger images, or --size {SMALLEST_SIDE} to enlarge them"
        )
    return faults + _find_few_images(survey)


def _find_few_images(survey: FolderSurvey) -> list[str]:
    """Say that there are too few images for the scores, and how many are needed; empty if there are enough."""
    least = min(survey.train_count, survey.test_count)
    classes = len(survey.counts)
    needed = max(LEAST_IMAGES_A_NEIGHBOUR, math.ceil(FEATURES[-1] * IMAGES_A_FEATURE))
    if least < needed:
        a_class = TEST_SHARE * math.ceil(needed / max(classes, 2))
        return [
            f"there are {survey.train_count} images to train and {survey.test_count} to test, and scores compare "
            f"{needed} of each or more (precision and recall look at one neighbour in {LEAST_IMAGES_A_NEIGHBOUR}): "
            f"with {max(classes, 2)} classes about {a_class} images a class are enough, one in {TEST_SHARE} of which "
            "is to test"
        ]
    if classes > 1 and find_least_correct(survey) > survey.test_count:
        share = max(test for _, test in survey.counts.values()) / survey.test_count
        return [
            f"always naming the commonest class is right about {share:.0%} of the {survey.test_count} test images, "
            "from which no classifier could be told: give more images of the other classes"
        ]
    return []


def _explain(survey: FolderSurvey, params: dict[str, Any]) -> list[Note]:
    """List what was chosen, and which property of the images each choice follows from."""
    prepare, classifier, scores = params["prepare"], params["extractor"]["classifier"], params["scores"]
    train, test, side = survey.train_count, survey.test_count, prepare["image_size"]
    share = max(count for _, count in survey.counts.values()) / test
    is_small = min(train, test) < MOST_COMPARED
    neighbours = f"{scores['precision_recall_neighbours']} and {scores['density_coverage_neighbours']}"
    return [
        Note(
            "prepare.image_size",
            f"{side}",
            f"all are cropped to a square and resized to {side} x {side} pixels",
        ),
        Note("images", f"{train} + {test}", "to train and to test; the test split is never trained on"),
        Note(
            "extractor",
            "classifier",
            f"of {len(survey.counts)} classes; {classifier['epochs']} epochs of {train} images",
        ),
        Note(
            "minimum accuracy",
            f"{classifier['minimum_test_accuracy']:.0%}",
            f"clearly above the {share:.0%} of always naming the commonest class, from {test} images",
        ),
        Note(
            "features",
            f"{classifier['feature_dimension']}",
            "the Fréchet distance needs more images of either split than features; it compares "
            f"{SAMPLE_COUNT} generated images with {train} real ones",
        ),
        Note(
            "compared",
            f"{scores['compared_count']}",
            "real and generated images each in KID, precision, recall, density and coverage, with "
            f"{neighbours} neighbours ({LEAST_IMAGES_A_NEIGHBOUR} images or more for each)",
        ),
        *(
            [
                Note(
                    "caution",
                    "small n",
                    "scores of so few images are rough; the page says from how many each one is",
                )
            ]
            if is_small
            else []
        ),
        Note(
            "gans",
            ", ".join(params["gans"]),
            f"{params['train']['generator_steps']} generator steps each; --gans and --steps choose others",
        ),
    ]
