"""The real images' features that KID, precision, recall, density and coverage compare with, in a file."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.common.artifacts import REFERENCE, write_bytes
from stages.scores.feature_statistics import Features

REAL_FEATURES = REFERENCE / "features.safetensors"


def write_features(path: Path, features: Features) -> None:
    """Write features float32 [N, D] to a safetensors file, atomically."""
    write_bytes(path, save({"features": np.ascontiguousarray(features)}))


def read_features(path: Path) -> Features:
    """Read what `write_features` wrote.

    Raises:
        ValueError: the file is missing or damaged.
    """
    try:
        features: Features = load_file(path)["features"]
    except FileNotFoundError:
        raise ValueError(f"{path} is missing; make it with `dvc repro reference`") from None
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}); make it anew: `dvc repro -f reference`") from None
    return features
