"""Measure how common mistakes change scores, with real images in the place of generated ones.

    dvc repro reference                                    # data/prepared, extractor/ of params.yaml
    python benchmarks/score_mistakes.py                    # prints the table of docs/scores.md

Run it in the repository's root, or in any folder with params.yaml, data/prepared and extractor/. Scores are
computed as the section `scores` of params.yaml says. By default 2000 images of the test split are scored against the
train split.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from stages.ablation.distortions import repeat_few, resize, stretch_contrast
from stages.common.artifacts import images_file, labels_file, read_array, read_images
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.feature_statistics import extract_statistics, sample_indices
from stages.scores.inception_score import compute_inception_score
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import extract_reference
from stages.scores.scorer import Scorer

Pixels = NDArray[np.uint8]
FEW = 50
COLUMNS = ("IS", "FID", "FID-infinity", "KID", "precision", "recall", "density", "coverage")


def change_each(images: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    """Apply a function of Pillow images to every image."""
    changed = []
    for image in images:
        pixels = np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
        result = np.asarray(change(Image.fromarray(pixels)))
        changed.append(result[None] if result.ndim == 2 else result.transpose(2, 0, 1))
    return np.stack(changed)


def pack_jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    """Return a function that saves an image as JPEG, as samples often are, and opens it again."""

    def change(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer)

    return change


def halve(method: Image.Resampling) -> Callable[[Image.Image], Image.Image]:
    """Return a function that resizes an image to half its side and back by the same method."""
    return lambda image: image.resize((image.width // 2, image.height // 2), method).resize(
        image.size, method
    )


def list_mistakes(images: Pixels, train: Pixels, seed: int) -> Iterator[tuple[str, Pixels]]:
    """Yield the name of each mistake with the images after it, uint8 [N, C, H, W]; the unchanged images come first."""
    side, count = images.shape[-1], len(images)
    yield "as they are", images
    yield f"{FEW} of them, each {count // FEW} times", repeat_few(images, FEW, seed)
    yield "contrast of each stretched", stretch_contrast(images)
    for quality in (75, 95):
        yield f"JPEG, quality {quality}", change_each(images, pack_jpeg(quality))
    yield "to 64 pixels and back", resize(resize(images, 64), side)
    for method in (Image.Resampling.LANCZOS, Image.Resampling.BILINEAR, Image.Resampling.NEAREST):
        name = f"to {side // 2} pixels and back, {method.name.lower()}"
        yield name, change_each(images, halve(method))
    # With `seed` itself, the same images would be chosen that KID and other scores take as the real ones.
    yield "of the train split, which the reference holds", train[sample_indices(len(train), count, seed + 1)]


def make_scorer(images: Pixels, split: str, extractor: Extractor, params: ScoresParams) -> Scorer:
    """Make a scorer that compares with `images`, uint8 [N, C, H, W], as the reference set."""
    return Scorer(extract_reference(images, extractor, params, split), params)


def show_row(title: str, images: Pixels, extractor: Extractor, scorer: Scorer) -> str:
    """Score images and format the scores as a row of a Markdown table."""
    found = scorer.score(extract_statistics(images, extractor, scorer.params, title))
    value = {key: number or 0.0 for key, number in found.items()}
    cells = [
        f"{value['inception_score']:.2f} ± {value['inception_score_standard_error']:.2f}",
        f"{value['fid']:.2f} ± {value['fid_standard_error']:.2f}",
        f"{value['fid_infinity']:.2f}",
        f"{value['kid']:.2f} ± {value['kid_standard_error']:.2f}",
        *(f"{value[key]:.3f}" for key in ("precision", "recall", "density", "coverage")),
    ]
    return f"| {title} | {' | '.join(cells)} |"


def show_unshuffled(images: Pixels, labels: NDArray[np.int64], extractor: Extractor, splits: int) -> str:
    """Compare the Inception Scores of images sorted by class and of the same images shuffled."""
    ordered = images[np.argsort(labels, kind="stable")]
    logits = np.concatenate([part for _, part in extractor.extract(ordered)])
    size = len(logits) // splits
    parts = [compute_inception_score(logits[k * size : (k + 1) * size], 1, 0).mean for k in range(splits)]
    shuffled = compute_inception_score(logits, splits, 0).mean
    return f"Splits that are not shuffled, in the order of classes: IS {np.mean(parts):.2f}; shuffled: {shuffled:.2f}."


def show_counts(test: Pixels, extractor: Extractor, scorer: Scorer, params: ScoresParams) -> str:
    """Compute the scores of fewer and of more images than the table's rows have."""
    found = []
    for count in (200, 500, 2000, 5000, 10_000):
        few = params.model_copy(
            update={"compared_count": min(count, 200), "kid_subset_size": 100, "fid_infinity_points": 0}
        )
        few_scorer = Scorer(scorer.real._replace(features=scorer.real.features[: few.compared_count]), few)
        chosen = test[sample_indices(len(test), count, params.shuffle_seed)]
        scores = few_scorer.score(extract_statistics(chosen, extractor, few, f"{count} images"))
        found.append(f"{count}: IS {scores['inception_score']:.2f}, FID {scores['fid']:.2f}")
    return f"Numbers of images: {'; '.join(found)}."


def main() -> None:
    """Print the table, and the lines that follow it in docs/scores.md."""
    parser = CommandParser(__doc__)
    parser.add_argument("--count", type=int, default=2000, help="images a row")
    count = parser.parse_args().count
    params = load_section(ScoresParams, "scores").model_copy(update={"fid_infinity_points": 15})
    extractor = load_extractor(configure_compute())
    train, test = (read_images(images_file(split), made_by="prepare") for split in ("train", "test"))
    scorer = make_scorer(train, "train", extractor, params)
    chosen = sample_indices(len(test), count, params.shuffle_seed)
    images = test[chosen]
    print(f"\n{extractor.card.title}; {count} test images against {len(train)} train images; {os.cpu_count()} cores, "
          f"torch {torch.__version__}; {time.strftime('%Y-%m-%d')}\n")  # fmt: skip
    print(f"| Images | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
    for title, changed in list_mistakes(images, train, params.shuffle_seed):
        print(show_row(title, changed, extractor, scorer), flush=True)
    others = np.setdiff1d(np.arange(len(test)), chosen)
    print(show_row("as they are, against the rest of the test split", images, extractor,
                   make_scorer(test[others], "test", extractor, params)))  # fmt: skip
    print(f"\n{show_counts(test, extractor, scorer, params)}")
    labels = read_array(labels_file("test"), made_by="prepare")[chosen]
    print(show_unshuffled(images, labels, extractor, params.splits))


if __name__ == "__main__":
    run_command(main)
