"""The libraries that benchmarks/scores.py compares with ours, each called as its documentation or command line says."""

import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.common.compute import keep_freed_memory
from stages.scores.frechet import compute_frechet_distance
from stages.scores.inception import Inception, Precision
from stages.scores.inception_score import compute_inception_score
from stages.scores.moments import Moments, StreamingMoments

Features = NDArray[np.float32]
Statistics = tuple[Any, Any]
Network = Callable[[Tensor], Features]
"""A function that maps pixels uint8 [N, 3, H, W] to features float32 [N, 2048]."""

FEATURES = 2048
BATCH_SIZE = 50
SPLITS = 10
SEED = 2020
BF16 = "ours, bfloat16"


def compute_moments(features: Features) -> Moments:
    """Compute our moments batch by batch, as the stages do."""
    gatherer = StreamingMoments(features.shape[1])
    for start in range(0, len(features), BATCH_SIZE):
        gatherer.add(features[start : start + BATCH_SIZE])
    return gatherer.finish()


def compute_statistics(features: Features) -> Statistics:
    """Compute mean and covariance as pytorch-fid and torch-fidelity do."""
    return np.mean(features, axis=0, dtype=np.float64), np.cov(features, rowvar=False)


def _pytorch_fid_distance(first: Statistics, second: Statistics) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    return float(calculate_frechet_distance(*first, *second))


def _torch_fidelity_distance(first: Statistics, second: Statistics) -> float:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    parts = ({"mu": mean, "sigma": covariance} for mean, covariance in (first, second))
    return float(fid_statistics_to_metric(*parts, False)["frechet_inception_distance"])


def _torchmetrics_distance(first: Statistics, second: Statistics) -> float:
    from torchmetrics.image.fid import _compute_fid

    return float(_compute_fid(*(torch.from_numpy(part) for part in (*first, *second))))


DISTANCES: dict[str, Callable[[Statistics, Statistics], float]] = {
    "pytorch-fid": _pytorch_fid_distance,
    "torch-fidelity": _torch_fidelity_distance,
    "torchmetrics": _torchmetrics_distance,
}


def _load_ours(weights: Path, precision: Precision) -> Inception:
    return Inception(torch.load(weights, weights_only=True), torch.device("cpu"), precision)


def _load_own_features(weights: Path, precision: Precision) -> Network:
    network = _load_ours(weights, precision)
    return lambda pixels: network(pixels).features.numpy()


def load_pytorch_fid(weights: Path, **options: bool) -> Any:
    """Load pytorch-fid's network with weights from a file, where pytorch-fid itself would download its own."""
    from pytorch_fid import inception

    state = torch.load(weights, weights_only=True)
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        return inception.InceptionV3([3], **options).eval()


def _load_torch_fidelity(weights: Path) -> Any:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    return FeatureExtractorInceptionV3("benchmark", ["2048"], feature_extractor_weights_path=str(weights))


def _load_torchmetrics(weights: Path, feature: str) -> Any:
    from torchmetrics.image.fid import NoTrainInceptionV3

    return NoTrainInceptionV3(
        "benchmark", [feature], feature_extractor_weights_path=str(weights), antialias=False
    )


@torch.inference_mode()
def _extract_as_pytorch_fid(network: Any, pixels: Tensor) -> Features:
    found: Features = network(pixels.float() / 255)[0].squeeze(3).squeeze(2).numpy()
    return found


@torch.inference_mode()
def _extract_first(network: Any, pixels: Tensor) -> Features:
    found = network(pixels)
    first: Features = (found[0] if isinstance(found, tuple) else found).numpy()
    return first


@torch.inference_mode()
def extract_unresized(weights: Path, pixels: Tensor) -> Features:
    """Extract features of 299 x 299 images with pytorch-fid's network, their pixels scaled as TensorFlow did."""
    network = load_pytorch_fid(weights, resize_input=False, normalize_input=False)
    found: Features = network((pixels.float() - 128) / 128)[0].squeeze(3).squeeze(2).numpy()
    return found


NETWORKS: dict[str, Callable[[Path], Network]] = {
    "ours": partial(_load_own_features, precision="float32"),
    BF16: partial(_load_own_features, precision="bfloat16"),
    "pytorch-fid": lambda weights: partial(_extract_as_pytorch_fid, load_pytorch_fid(weights)),
    "torch-fidelity": lambda weights: partial(_extract_first, _load_torch_fidelity(weights)),
    "torchmetrics": lambda weights: partial(_extract_first, _load_torchmetrics(weights, "2048")),
}


def score(name: str, folder: Path, weights: Path) -> dict[str, float]:
    """Score fake against real images, and return the seconds, the process's peak memory in MB, and the scores."""
    real, fake = (torch.from_numpy(np.load(folder / f"{part}.npy")) for part in ("real", "fake"))
    start = time.perf_counter()
    scores = SCORERS[name](real, fake, weights)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {"seconds": seconds, "peak MB": peak, **scores}


def _score_ours(
    real: Tensor, fake: Tensor, weights: Path, precision: Precision = "float32"
) -> dict[str, float]:
    keep_freed_memory()
    network = _load_ours(weights, precision)
    moments = []
    for images in (real, fake):
        gatherer, logits = StreamingMoments(2048), []
        for batch in images.split(BATCH_SIZE):
            output = network(batch)
            gatherer.add(output.features.numpy())
            logits.append(output.logits.numpy())
        moments.append(gatherer.finish())
    return {
        "IS": compute_inception_score(np.concatenate(logits), SPLITS, SEED).mean,
        "FID": compute_frechet_distance(*moments),
    }


def _score_pytorch_fid(real: Tensor, fake: Tensor, weights: Path) -> dict[str, float]:
    """Compute FID alone: pytorch-fid has no Inception Score, and resizes images differently."""
    network = load_pytorch_fid(weights)
    parts = []
    for images in (real, fake):
        batches = [_extract_as_pytorch_fid(network, batch) for batch in images.split(BATCH_SIZE)]
        parts.append(compute_statistics(np.concatenate(batches)))
    return {"FID": _pytorch_fid_distance(*parts)}


def _score_torch_fidelity(real: Tensor, fake: Tensor, weights: Path) -> dict[str, float]:
    from torch_fidelity import calculate_metrics

    found = calculate_metrics(
        input1=_Images(fake),
        input2=_Images(real),
        isc=True,
        fid=True,
        cuda=False,
        batch_size=BATCH_SIZE,
        isc_splits=SPLITS,
        rng_seed=SEED,
        feature_extractor_weights_path=str(weights),
        verbose=False,
        cache=False,
    )
    return {"IS": found["inception_score_mean"], "FID": found["frechet_inception_distance"]}


class _Images(torch.utils.data.Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        return self._images[index]


def _score_torchmetrics(real: Tensor, fake: Tensor, weights: Path) -> dict[str, float]:
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore

    # torchmetrics sums in float64 anyway; `set_dtype(torch.float64)` would also run the network in float64, which takes
    # twice as long.
    distance = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(weights), antialias=False)
    network = _load_torchmetrics(weights, "logits_unbiased")
    inception = InceptionScore(network, splits=SPLITS)
    with torch.inference_mode():
        for is_real, images in ((True, real), (False, fake)):
            for batch in images.split(BATCH_SIZE):
                distance.update(batch, real=is_real)
        for batch in fake.split(BATCH_SIZE):
            inception.update(batch)
        return {"IS": float(inception.compute()[0]), "FID": float(distance.compute())}


SCORERS: dict[str, Callable[[Tensor, Tensor, Path], dict[str, float]]] = {
    "ours": _score_ours,
    BF16: partial(_score_ours, precision="bfloat16"),
    "pytorch-fid": _score_pytorch_fid,
    "torch-fidelity": _score_torch_fidelity,
    "torchmetrics": _score_torchmetrics,
}
