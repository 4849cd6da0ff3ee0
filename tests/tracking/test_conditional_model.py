"""The registered model of a conditional GAN generates images of the requested class."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.tracking.lineage import Lineage
from pipeline.tracking.promote import save_model
from pipeline.tracking.results import RunContent
from stages.common.artifacts import MANIFEST, MODELS, Trial, snapshot_name, write_json
from stages.gans import projection
from stages.generators.noise import sample_fixed_z
from stages.networks.conditional_batch_norm import ConditionalBatchNorm2d
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.sample.generation import assign_labels, generate_images
from stages.train.checkpoint import write_snapshot
from tests.driving import ROOT, call

pytestmark = pytest.mark.slow
TRIAL, NAMES, SHAPE = Trial("projection", "A", 7), ["a", "b", "c"], (1, 8, 8)
NETWORKS = NetworksParams(architecture="standard", z_dimension=8, width=4, negative_slope=0.1)
RESULTS = RunContent(
    trial=TRIAL,
    lineage=Lineage("", {}, {"networks": NETWORKS.model_dump()}, {}),
    params={},
    tags={},
    values=[],
    grids={},
    checkpoints={},
    training_seconds=0.0,
    protocol={},
    best={"best_fid": 1.0, "best_fid_generator_step": 4},
)
DRAW = """
import mlflow, numpy
generator = mlflow.pyfunc.load_model("model")
print(generator.metadata.signature.inputs)
numpy.save("by_index.npy", generator.predict({"index": [0, 1, 2, 3]}))
numpy.save("by_label.npy", generator.predict({"index": [0, 1, 2, 3], "label": [2, 2, 2, 2]}))
try:
    generator.predict({"index": [0, 1], "label": [2, 3]})
except ValueError as error:
    print(error)
"""


def make_generator() -> Generator:
    torch.manual_seed(0)
    generator = projection.GAN(
        SHAPE, NETWORKS, projection.Options(discriminator_steps=None, loss="hinge"), len(NAMES)
    ).generator
    for layer in generator.modules():
        if isinstance(layer, ConditionalBatchNorm2d):
            layer.offset.data.normal_()
    return generator.eval()


def test_a_conditional_model_draws_the_sample_stages_images_or_those_of_a_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    # A saved model takes its code from the folder in which the pipeline runs.
    Path("stages").symlink_to(ROOT / "stages")
    generator, folder = make_generator(), MODELS / TRIAL.name
    write_snapshot(folder / snapshot_name(4), generator)
    write_json(folder / MANIFEST, {"image_shape": SHAPE, "class_names": NAMES})
    save_model(RESULTS, tmp_path / "elsewhere/model")
    printed = call(sys.executable, "-c", DRAW, folder=tmp_path / "elsewhere")
    z = sample_fixed_z(4, 8, TRIAL.seed)
    for name, labels in (("by_index", assign_labels(4, 3)), ("by_label", torch.full((4,), 2))):
        expected = generate_images(generator, z, torch.device("cpu"), labels).transpose(0, 2, 3, 1)
        assert np.array_equal(np.load(tmp_path / f"elsewhere/{name}.npy"), expected)
    assert "'label': long (optional)" in printed
    assert "label = 3: a whole number from 0 to 2 is allowed" in printed
