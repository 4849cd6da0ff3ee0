from pathlib import Path

import numpy as np
import pytest
import torch

from stages.common.artifacts import Trial
from stages.generators.noise import sample_fixed_z
from stages.networks.conditional_batch_norm import ConditionalBatchNorm2d
from stages.networks.generator import ConvGenerator
from stages.networks.params import NetworksParams
from stages.sample.__main__ import label_interpolation
from stages.sample.generation import (
    IMAGES_AT_A_TIME,
    assign_labels,
    generate_images,
    load_generator,
)
from stages.sample.params import SampleParams
from stages.train.checkpoint import write_snapshot

NARROW = NetworksParams(architecture="standard", z_dimension=8, width=4, negative_slope=0.1)
SHAPE = (1, 28, 28)
CPU = torch.device("cpu")
TRIAL = Trial("sngan", "A", 0)


def make_generator() -> ConvGenerator:
    torch.manual_seed(0)
    generator = ConvGenerator(SHAPE, NARROW)
    with torch.no_grad():
        generator(torch.randn(64, 8))  # this changes the statistics of batch norm from their initial values
    return generator.eval()


def test_noise_vector_i_depends_on_the_seed_and_i_alone() -> None:
    few, many = sample_fixed_z(5, 8, seed=3), sample_fixed_z(50, 8, seed=3)
    assert torch.equal(few, many[:5])
    assert not torch.equal(few, sample_fixed_z(5, 8, seed=4))


def test_noise_is_standard_normal() -> None:
    z = sample_fixed_z(4000, 8, seed=0)
    assert float(z.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(z.std()) == pytest.approx(1.0, abs=0.03)


def test_image_i_is_the_same_for_any_number_of_images() -> None:
    generator = make_generator()
    z = sample_fixed_z(2 * IMAGES_AT_A_TIME + 7, 8, seed=0)
    everything = generate_images(generator, z, CPU)
    assert everything.shape == (2 * IMAGES_AT_A_TIME + 7, *SHAPE)
    assert everything.dtype == np.uint8
    assert np.array_equal(generate_images(generator, z[:3], CPU), everything[:3])
    assert np.array_equal(
        generate_images(generator, z[: IMAGES_AT_A_TIME + 1], CPU), everything[: IMAGES_AT_A_TIME + 1]
    )


def test_as_many_distinct_images_are_generated_as_are_requested() -> None:
    # The report's code saved the same 50 images 120 times.
    images = generate_images(make_generator(), sample_fixed_z(600, 8, seed=0), CPU)
    assert len(np.unique(images.reshape(600, -1), axis=0)) == 600


def test_a_snapshot_written_by_training_is_loaded_and_generates_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = make_generator()
    write_snapshot(Path("models/sngan-A-0/generator.safetensors"), generator)
    loaded = load_generator(TRIAL, "generator.safetensors", SHAPE, NARROW, CPU)
    z = sample_fixed_z(4, 8, seed=0)
    assert np.array_equal(generate_images(loaded, z, CPU), generate_images(generator, z, CPU))


def test_a_missing_snapshot_names_the_stage_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r"models/sngan-A-0/x\.safetensors is missing; .*`dvc repro train@sngan-A-0`"
    ):
        load_generator(TRIAL, "x.safetensors", SHAPE, NARROW, CPU)


def test_a_snapshot_of_another_network_or_a_damaged_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("models/sngan-A-0/g.safetensors")
    write_snapshot(path, make_generator())
    wider = NARROW.model_copy(update={"width": 8})
    with pytest.raises(ValueError, match="does not hold this network"):
        load_generator(TRIAL, "g.safetensors", SHAPE, wider, CPU)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="does not hold this network"):
        load_generator(TRIAL, "g.safetensors", SHAPE, NARROW, CPU)


def make_conditional_generator() -> ConvGenerator:
    torch.manual_seed(0)
    generator = ConvGenerator(SHAPE, NARROW, class_count=3)
    for layer in generator.modules():
        if isinstance(layer, ConditionalBatchNorm2d):
            layer.offset.data.normal_()
    return generator.eval()


def test_labels_alternate_over_the_classes_for_any_number_of_images() -> None:
    few, many = assign_labels(5, 3), assign_labels(50, 3)
    assert few is not None and many is not None
    assert few.tolist() == [0, 1, 2, 0, 1]
    assert torch.equal(few, many[:5])
    assert assign_labels(5, None) is None


def test_conditional_image_i_is_the_same_for_any_number_of_images_and_differs_by_class() -> None:
    generator = make_conditional_generator()
    count = IMAGES_AT_A_TIME + 7
    z, labels = sample_fixed_z(count, 8, seed=0), assign_labels(count, 3)
    assert labels is not None
    everything = generate_images(generator, z, CPU, labels)
    assert np.array_equal(generate_images(generator, z[:4], CPU, labels[:4]), everything[:4])
    others = generate_images(generator, z[:4], CPU, labels[:4] + torch.tensor([0, 0, 0, 1]))
    assert np.array_equal(others[:3], everything[:3])
    assert not np.array_equal(others[3], everything[3])


def test_an_interpolation_stays_in_one_class() -> None:
    params = SampleParams(
        sample_count=4, grid_rows=1, grid_columns=1, interpolation_rows=4, interpolation_columns=2
    )
    labels = label_interpolation(params, 3)
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 0, 0]
    assert label_interpolation(params, None) is None


def test_a_conditional_snapshot_is_loaded_with_its_classes_and_with_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    generator = make_conditional_generator()
    write_snapshot(Path("models/sngan-A-0/generator.safetensors"), generator)
    loaded = load_generator(TRIAL, "generator.safetensors", SHAPE, NARROW, CPU, class_count=3)
    z, labels = sample_fixed_z(4, 8, seed=0), torch.tensor([2, 2, 1, 0])
    assert np.array_equal(generate_images(loaded, z, CPU, labels), generate_images(generator, z, CPU, labels))
    for classes in (None, 4):
        with pytest.raises(ValueError, match="does not hold this network"):
            load_generator(TRIAL, "generator.safetensors", SHAPE, NARROW, CPU, classes)
