"""The report's distortions of images, and the scores that the stage writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from stages.ablation import torchvision_network
from stages.ablation.__main__ import main
from stages.ablation.distortions import repeat_few, resize, stretch_contrast
from stages.ablation.torchvision_network import load_torchvision
from stages.common.artifacts import ABLATION, REAL_SCORES, hash_file, images_file, read_json, write_array
from stages.reference.__main__ import main as make_reference
from tests.scores.factories import make_extractor, make_images

ROOT = Path(__file__).parents[2]
SCORES = {"splits": 2, "compared_count": 50, "kid_subsets": 5, "kid_subset_size": 20}


def run(**changes: Any) -> dict[str, Any]:
    """Make a reference from small images and run the stage."""
    params = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    params["scores"] |= SCORES
    params["sample"]["sample_count"] = 60
    params["ablation"] |= {"distinct_count": 5} | changes
    Path("params.yaml").write_text(yaml.safe_dump(params))
    make_extractor(scale=100.0)
    # The images have little contrast, so that stretching changes them, and large patches, which resizing preserves.
    for seed, split in enumerate(("train", "test")):
        patches = make_images(90, seed, shape=(1, 2, 2)) // 2 + 40
        write_array(images_file(split), patches.repeat(4, axis=2).repeat(4, axis=3))
    make_reference()
    main()
    record: dict[str, Any] = json.loads(ABLATION.read_text())
    return record


@pytest.mark.usefixtures("own_folder_and_threads")
def test_undistorted_images_score_as_the_row_of_real_data_and_each_distortion_changes_that() -> None:
    record = run()
    rows = {row["name"]: row for row in record["rows"]}
    real = read_json(REAL_SCORES, made_by="reference")
    assert record["protocol"] == real["protocol"]
    assert {key: rows["as_they_are"][key] for key in ("fid", "inception_score", "kid", "recall")} == {
        key: real[key] for key in ("fid", "inception_score", "kid", "recall")
    }
    assert [rows[name]["distinct_images"] for name in ("as_they_are", "repeated", "together")] == [60, 5, 5]
    for name in ("repeated", "stretched", "together"):
        assert rows[name]["fid"] > 2 * real["fid"]
    assert rows["resized"]["fid"] != real["fid"]
    assert rows["torchvision"]["missing"].startswith("the scores are computed with the classifier")


@pytest.mark.usefixtures("own_folder_and_threads")
def test_a_disabled_stage_scores_nothing() -> None:
    assert run(is_enabled=False) == {"is_enabled": False, "rows": []}


def test_a_few_images_are_repeated_until_there_are_as_many_as_before() -> None:
    images = make_images(103)
    repeated = repeat_few(images, 50, seed=0)
    assert len(repeated) == 103
    assert len({image.tobytes() for image in repeated}) == 50
    assert (repeated[:50] == repeated[50:100]).all() and (repeated[100:] == repeated[:3]).all()


def test_a_stretched_image_spans_all_values_over_all_channels() -> None:
    image = np.array([[[[10, 20]], [[30, 60]]]], dtype=np.uint8)
    # (v - 10) * 255 / 50, rounded.
    assert stretch_contrast(image).tolist() == [[[[0, 51]], [[102, 255]]]]
    assert stretch_contrast(np.full((1, 1, 2, 2), 7, dtype=np.uint8)).max() == 0


def test_resizing_there_and_back_keeps_flat_images_and_blurs_others() -> None:
    flat = np.full((2, 3, 8, 8), 77, dtype=np.uint8)
    assert (resize(resize(flat, 64), 8) == 77).all()
    noise = make_images(2)
    assert resize(noise, 64).shape == (2, 1, 64, 64)
    assert resize(resize(noise, 64), 8).std() < noise.std()


def test_weights_that_torchvision_did_not_publish_are_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("an unknown file was unpickled"))
    path = tmp_path / "other.pth"
    with pytest.raises(ValueError, match="torchvision_weights_path = '.*other.pth' does not exist"):
        load_torchvision(path, torch.device("cpu"))
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"other.pth has the sha256 .*, expected 0cc3c7bd"):
        load_torchvision(path, torch.device("cpu"))


@pytest.mark.slow
def test_the_extractor_has_the_logits_of_torchvisions_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    network = inception_v3(weights=None, init_weights=False, transform_input=False).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    sha256 = hash_file(tmp_path / "weights.pth")
    monkeypatch.setattr(torchvision_network, "SHA256_START", sha256[:8])
    extractor = load_torchvision(tmp_path / "weights.pth", torch.device("cpu"))
    images = make_images(2, shape=(3, 32, 32))
    features, logits = next(iter(extractor.extract(images)))
    with torch.inference_mode():
        pixels = torch.from_numpy(images).float() / 127.5 - 1
        size = (299, 299)
        expected = network(
            torch.nn.functional.interpolate(pixels, size, mode="bilinear", align_corners=False)
        )
    assert features.shape == (2, 2048) and extractor.card.weights_sha256 == sha256
    assert np.allclose(logits, expected.numpy(), rtol=1e-4, atol=1e-5)
