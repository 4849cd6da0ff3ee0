"""Every file of stages/scores/extractors implements the extractor's interface; a new file needs no new test."""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.inception_weights import draw_images, make_weights
from stages.common.artifacts import (
    EXTRACTOR,
    class_names_file,
    hash_file,
    images_file,
    labels_file,
    write_array,
    write_json,
)
from stages.scores.card import WEIGHTS, Card, write_card
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.extractor_zoo import list_extractors, load_extractor_module
from stages.scores.feature_statistics import extract_statistics
from stages.scores.protocol import ReferenceSet, describe_protocol
from tests.scores.test_extractor import SCORES

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
NAMES = list_extractors()
DEFAULTS: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())["extractor"]
# A network of this size takes seconds to build and to run; the trained ones are tiny.
PUBLISHED = [name for name in NAMES if "weights_path" in load_extractor_module(name).Options.model_fields]
CASES = [pytest.param(name, marks=[pytest.mark.slow] * (name in PUBLISHED)) for name in NAMES]
SIDE = 16


def make_options(name: str, **changes: object) -> Any:
    """Make the default preset's options, with the smallest of the extractor's networks."""
    model = load_extractor_module(name).Options
    if "model" in model.model_fields:
        changes = {"model": get_args(model.model_fields["model"].annotation)[0]} | changes
    return model.model_validate(DEFAULTS[name] | changes)


@cache
def draw_state(name: str) -> Mapping[str, Tensor]:
    """Draw random weights; Inception's names and shapes are those of torch-fidelity's network."""
    torch.manual_seed(0)
    draw = getattr(load_extractor_module(name), "draw_weights", None)
    return make_weights() if draw is None else draw(make_options(name))


def prepare() -> None:
    """Prepare two classes of images that are easy to tell apart."""
    for seed, split in enumerate(("train", "test")):
        random = np.random.default_rng(seed)
        labels = np.arange(256, dtype=np.int64) % 2
        images = random.integers(0, 100, (256, 1, SIDE, SIDE), dtype=np.uint8)
        images[labels == 0, :, : SIDE // 2] += 120
        images[labels == 1, :, SIDE // 2 :] += 120
        write_array(images_file(split), images)
        write_array(labels_file(split), labels)
    write_json(class_names_file(), ["above", "below"])


class Made(NamedTuple):
    """An extractor as the stage makes it."""

    card: Card
    folder: Path
    extractor: Extractor
    published_sha256: str | None

    def change(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """Write the extractor with other weights to another folder."""
        save_file({name: value.contiguous() for name, value in state.items()}, folder / WEIGHTS.name)
        changes = {"file_sha256": hash_file(folder / WEIGHTS.name)}
        write_card(self.card.model_copy(update=changes), folder)


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Make an extractor: trained, or from a file of random weights."""
    name, workspace = request.param, tmp_path_factory.mktemp("zoo")
    module, changes = load_extractor_module(name), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace)
        prepare()
        if name in PUBLISHED:
            torch.save(dict(draw_state(name)), "published.pth")
            changes = {"weights_path": "published.pth"}
        sha256 = hash_file(Path("published.pth")) if changes else None
        # Inception accepts the published file alone.
        if hasattr(module, "SHA256"):
            patch.setattr(module, "SHA256", sha256)
        card: Card = module.make(make_options(name, **changes), CPU)
        write_card(card)
    folder = workspace / EXTRACTOR
    yield Made(card, folder, load_extractor(CPU, folder), sha256)


def see(extractor: Extractor, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([features for features, _ in extractor.extract(images)])


EACH = pytest.mark.parametrize("made", CASES, indirect=True)


def test_every_file_has_options_in_the_default_preset_and_no_other_has() -> None:
    assert set(DEFAULTS) == {"name", *NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_options_refuse_what_is_unknown_or_of_another_type(name: str) -> None:
    options = make_options(name)
    for change in ({"imagesize": 3}, {next(iter(type(options).model_fields)): [1]}):
        with pytest.raises(ValidationError):
            make_options(name, **change)


@EACH
def test_features_are_finite_as_many_as_the_options_say_and_the_same_every_time(made: Made) -> None:
    images = draw_images(4, SIDE, channels=1).numpy()
    outputs = list(made.extractor.extract(images))
    features, logits = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
    dimension = make_options(made.card.name).count_features()
    assert features.shape == (4, dimension) and made.card.feature_dimension == dimension
    assert features.dtype == np.float32 and np.isfinite(features).all()
    assert logits.shape == (4, made.card.class_count or 0)
    assert make_options(made.card.name).tells_classes == (made.card.class_count is not None)
    assert features.std(axis=0).max() > 0.0
    assert np.array_equal(see(load_extractor(CPU, made.folder), images), features)
    alone = see(made.extractor, images[3:4])[0]
    np.testing.assert_allclose(alone, features[3], rtol=1e-4, atol=1e-4 * float(np.abs(features).max()))


@EACH
def test_an_image_in_grey_is_that_image_in_three_equal_colours_or_refused(made: Made) -> None:
    grey = draw_images(2, SIDE, channels=1).numpy()
    colour = grey.repeat(3, axis=1)
    if made.card.image_shape is None:
        assert np.array_equal(see(made.extractor, grey), see(made.extractor, colour))
        colour = grey.repeat(2, axis=1)
    with pytest.raises(ValueError, match=r"accepts images .*, but these are \[., 16, 16\]"):
        see(made.extractor, colour)


@EACH
def test_weights_of_other_names_or_shapes_are_refused_in_one_line(made: Made, tmp_path: Path) -> None:
    state = load_file(made.folder / WEIGHTS.name)
    name = max(state, key=lambda key: state[key].numel())
    without = {key: value for key, value in state.items() if key != name}
    reshaped = state | {name: torch.ones(3, 2)}
    # Published networks are large, and one file of each kind is enough.
    for changed in (reshaped,) if made.published_sha256 else (reshaped, without):
        made.change(tmp_path, changed)
        with pytest.raises(ValueError, match="does not hold the .* that .*card.json describes") as caught:
            load_extractor(CPU, tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("made", [name for name in NAMES if name not in PUBLISHED], indirect=True)
def test_features_that_are_not_finite_are_refused_in_one_line(made: Made, tmp_path: Path) -> None:
    state = load_file(made.folder / WEIGHTS.name)
    made.change(tmp_path, {key: torch.full_like(value.float(), np.nan) for key, value in state.items()})
    images = draw_images(made.card.feature_dimension + 1, SIDE, channels=1).numpy()
    with pytest.raises(ValueError, match="the extractor's output for image 0 .* is not finite") as caught:
        extract_statistics(images, load_extractor(CPU, tmp_path), SCORES, "test")
    assert "\n" not in str(caught.value)


@EACH
def test_the_protocol_says_which_network_resize_and_weights(made: Made) -> None:
    reference = ReferenceSet(split="train", count=10, sha256="c" * 64)
    protocol = describe_protocol(made.card, SCORES, reference, 10).model_dump()
    assert (protocol["extractor"], protocol["resize"]) == (made.card.name, made.card.input_resize)
    assert protocol["weights_sha256"] == (made.published_sha256 or made.card.file_sha256)
    assert None not in protocol.values()
    if made.card.model is not None:
        assert protocol["model"] == made.card.model and protocol["normalisation"].startswith("mean ")


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(
        ValueError, match="extractor 'dinov3' is unknown .did you mean dinov2.*; there is classifier"
    ):
        load_extractor_module("dinov3")


@pytest.mark.parametrize(("name", "package"), [("dinov2", "timm"), ("clip", "open_clip")])
def test_a_package_that_is_not_installed_is_named_with_the_cure(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_extractor_module(name)
    # For a module that is None, Python raises the error of a missing package.
    monkeypatch.setitem(sys.modules, package, None)
    cure = f"{name} needs the package {package}, .*-r requirements-extractors.txt"
    with pytest.raises(ValueError, match=cure) as caught:
        module.make(make_options(name), CPU)
    assert "\n" not in str(caught.value)
