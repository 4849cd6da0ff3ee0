"""A published network by its name: loaded from a local file, with the options that the score's protocol then names."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from stages.common.artifacts import hash_file
from stages.evaluate.arguments import parse_arguments
from stages.evaluate.extractor_choice import ExtractorChoice, load_chosen_extractor
from stages.evaluate.library import ScoreError, score
from stages.scores.extractor import Extractor
from stages.scores.extractor_zoo import list_published_extractors, load_extractor_module
from tests.scores.factories import make_images
from tests.scores.test_protocol import CARD

OPTIONS: dict[str, Any] = {"model": "vits14", "image_size": 28}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write random weights of the smallest DINOv2, for images of 28 pixels."""
    module, path = load_extractor_module("dinov2"), tmp_path_factory.mktemp("weights") / "dinov2.safetensors"
    torch.manual_seed(0)
    options = module.Options(
        model="vits14", image_size=28, resize="pillow_bicubic", weights_path=None, sha256=None
    )
    state = dict(module.draw_weights(options))
    # With the initial weights a block adds almost nothing, so that all images would have nearly equal features.
    state |= {name: torch.ones_like(value) for name, value in state.items() if name.endswith(".gamma")}
    save_file(state, path)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_command_line_names_a_network_its_file_and_its_options(weights: Path) -> None:
    words = ["--real", "a", "--fake", "b", "--extractor", "dinov2", "--weights", str(weights)]
    more = ["--weights-sha256", hash_file(weights), "--extractor-options", "model=vits14", "image_size=28"]
    choice = parse_arguments([*words, *more, "resize=torch_bicubic"]).extractor
    card = load_chosen_extractor(choice, CPU).card
    assert (card.name, card.model, card.input_resize) == ("dinov2", "vits14", "torch_bicubic_28")
    assert (card.weights_sha256, card.feature_dimension) == (hash_file(weights), 384)


def test_the_section_of_params_yaml_is_taken_where_there_is_one(weights: Path) -> None:
    section = f"weights_path: {weights}, sha256: , model: vits14, image_size: 42, resize: pillow_bicubic"
    Path("params.yaml").write_text(f"extractor: {{dinov2: {{{section}}}}}\n")
    card = load_chosen_extractor(ExtractorChoice("dinov2"), CPU).card
    assert (card.input_resize, card.weights_sha256) == ("pillow_bicubic_42", hash_file(weights))
    with pytest.raises(ValueError, match=f"dinov2.safetensors has the sha256 .*, expected {'0' * 64}"):
        load_chosen_extractor(ExtractorChoice("dinov2", sha256="0" * 64), CPU)


@pytest.mark.parametrize("fault", ["shape", "name", "not finite", "another network"])
def test_other_weights_are_one_error(fault: str, weights: Path) -> None:
    state = load_file(weights)
    if fault == "shape":
        state["cls_token"] = state["cls_token"][..., :-1].contiguous()
    if fault == "name":
        state["class_token"] = state.pop("cls_token")
    if fault == "not finite":
        state["norm.bias"][3] = float("nan")
    if fault == "another network":
        state = {"conv.weight": torch.zeros(3)}
    save_file(state, "other.safetensors")
    message = (
        "norm.bias are not finite" if fault == "not finite" else "does not hold the weights of DINOv2 vits14"
    )
    with pytest.raises(ScoreError, match=f"other.safetensors.*{message}") as caught:
        score(
            make_images(9),
            make_images(9),
            extractor="dinov2",
            weights="other.safetensors",
            extractor_options=OPTIONS,
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", list_published_extractors())
def test_every_published_network_needs_its_file(name: str) -> None:
    with pytest.raises(ScoreError, match=f"^extractor {name} needs weights FILE, the published file"):
        score(make_images(9), make_images(9), extractor=name)


def test_options_of_a_network_that_is_loaded_are_refused() -> None:
    loaded = Extractor(CARD, lambda pixels: pixels, CPU)  # type: ignore[arg-type,return-value]
    with pytest.raises(ScoreError, match="extractor is already loaded; leave them out"):
        score(make_images(9), make_images(9), extractor=loaded, precision="float32")


@pytest.mark.slow
def test_images_are_scored_by_the_features_of_a_named_network(weights: Path) -> None:
    real, fake = (make_images(400, seed, (3, 16, 16)) for seed in range(2))
    protocol = {"compared_count": 100, "kid_subset_size": 50, "kid_subsets": 5}
    result = score(
        real, fake, extractor="dinov2", weights=weights, extractor_options=OPTIONS, protocol=protocol
    )
    assert (result.protocol.model, result.protocol.resize) == ("vits14", "pillow_bicubic_28")
    assert result["fid"].value > 0 and "inception_score" not in result.scores
