"""A tiny repository root in a temporary folder: real code, tiny params, random images."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.common.artifacts import images_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    content = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    content["networks"] = {"architecture": "standard", "z_dimension": 8, "width": 4, "negative_slope": 0.1}
    content["train"] = {
        "batch_size": 4,
        "generator_steps": 12,
        "evaluation_points": 3,
        "log_every_generator_steps": 2,
        "checkpoint_every_generator_steps": 5,
        "precision": "float32",
        "memory_format": "channels_last",
        "reuse_fake": False,
        "compile": False,
        "cuda_graphs": False,
        "ema_decay": None,
    }
    # Tests set the discriminator steps of a setting, whichever GAN they train.
    for options in content["options"].values():
        options["discriminator_steps"] = None
    Path("params.yaml").write_text(yaml.safe_dump(content))
    path = images_file("train")
    path.parent.mkdir(parents=True)
    np.save(path, np.random.default_rng(0).integers(0, 256, (22, 1, 8, 8), dtype=np.uint8))
    yield tmp_path
