import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from stages.scores.card import CARD, WEIGHTS
from stages.scores.classifier import Classifier, ExtractorOutput
from stages.scores.extractor import IMAGES_AT_A_TIME, Images, OutputArrays, load_extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.params import ScoresParams
from stages.scores.reference_statistics import extract_reference
from stages.scores.scorer import Scorer
from tests.scores.factories import SHAPE, make_extractor, make_images

CPU = torch.device("cpu")
SCORES = ScoresParams(
    splits=2,
    shuffle_seed=0,
    fid_sample_count=None,
    fid_infinity_points=0,
    compared_count=50,
    kid_subsets=5,
    kid_subset_size=20,
    precision_recall_neighbours=3,
    density_coverage_neighbours=5,
)


@pytest.fixture
def extractor_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_extractor()
    return tmp_path


@pytest.mark.usefixtures("extractor_folder")
def test_there_are_features_and_logits_of_every_image_in_order() -> None:
    extractor = load_extractor(CPU)
    images = make_images(IMAGES_AT_A_TIME + 3)
    features, logits = (np.concatenate(parts) for parts in zip(*extractor.extract(images), strict=True))
    assert features.shape == (len(images), 6)
    assert logits.shape == (len(images), 3)
    alone, _ = next(iter(extractor.extract(images[-1:])))
    np.testing.assert_allclose(features[-1], alone[0], atol=1e-5)


@pytest.mark.usefixtures("extractor_folder")
def test_the_same_images_score_the_same_to_the_bit() -> None:
    first, second = (
        extract_statistics(make_images(600), load_extractor(CPU), SCORES, "test") for _ in range(2)
    )
    assert first.inception_score == second.inception_score
    assert np.array_equal(first.moments.covariance, second.moments.covariance)


@pytest.mark.usefixtures("extractor_folder")
def test_no_more_images_than_features_are_refused() -> None:
    with pytest.raises(
        ValueError, match="test: 6 images, but FID needs more than the extractor's 6 features"
    ):
        extract_statistics(make_images(6), load_extractor(CPU), SCORES, "test")


@pytest.mark.usefixtures("extractor_folder")
def test_images_of_another_shape_are_refused() -> None:
    images = np.zeros((9, 3, 8, 8), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"accepts images \[1, 8, 8\], but these are \[3, 8, 8\]"):
        next(iter(load_extractor(CPU).extract(images)))


@pytest.mark.usefixtures("extractor_folder")
@pytest.mark.parametrize("damage", ["a byte", "its end", "another network", "other weights"])
def test_weights_that_are_not_those_of_the_card_are_refused(damage: str) -> None:
    content = bytearray(WEIGHTS.read_bytes())
    if damage == "a byte":
        content[-3] ^= 1
        WEIGHTS.write_bytes(content)
    elif damage == "its end":
        WEIGHTS.write_bytes(content[:-1])
    else:
        width = 4 if damage == "another network" else 2
        save_file(Classifier(SHAPE, width, feature_dimension=6, class_count=3).state_dict(), WEIGHTS)
    with pytest.raises(
        ValueError, match="weights.safetensors has the sha256 .* but extractor/card.json names"
    ):
        load_extractor(CPU)


@pytest.mark.usefixtures("extractor_folder")
def test_a_card_of_another_network_is_refused() -> None:
    content = json.loads(CARD.read_text())
    CARD.write_text(json.dumps(content | {"width": 4}))
    with pytest.raises(ValueError, match="does not hold the classifier .*`dvc repro -f extractor`"):
        load_extractor(CPU)
    CARD.write_text(json.dumps(content | {"class_count": 1}))
    with pytest.raises(ValueError, match="describes a classifier of 1 class, which had nothing to learn"):
        load_extractor(CPU)
    CARD.write_text(json.dumps(content))
    WEIGHTS.unlink()
    with pytest.raises(ValueError, match="is missing; make it with `dvc repro extractor`"):
        load_extractor(CPU)


@pytest.mark.usefixtures("extractor_folder")
def test_a_card_with_a_missing_or_unknown_entry_is_refused() -> None:
    content = json.loads(CARD.read_text())
    CARD.write_text(json.dumps(content | {"name": "vgg"}))
    with pytest.raises(ValueError, match="extractor 'vgg' is unknown; there is classifier, clip"):
        load_extractor(CPU)
    del content["class_count"]
    CARD.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="card.json is damaged"):
        load_extractor(CPU)


@pytest.mark.usefixtures("extractor_folder")
def test_an_image_whose_output_is_not_finite_is_named() -> None:
    extractor = load_extractor(CPU)
    extract = extractor.extract_outputs

    def spoil(images: Images) -> Iterator[OutputArrays]:
        for start, output in enumerate(extract(images)):
            if start == 1:
                output.features[3, 2] = np.nan
            yield output

    extractor.extract_outputs = spoil  # type: ignore[method-assign]
    with pytest.raises(
        ValueError, match=r"test: the extractor's output for image 253 \(counted from 0\) is not finite"
    ):
        extract_statistics(make_images(400), extractor, SCORES, "test")


@pytest.mark.usefixtures("extractor_folder")
def test_fewer_images_than_are_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="scores.compared_count = 50, but there are only 49 images"):
        extract_statistics(make_images(49), load_extractor(CPU), SCORES, "test")


@pytest.mark.usefixtures("extractor_folder")
def test_similar_images_score_better_than_darker_ones() -> None:
    extractor = load_extractor(CPU)
    real = make_images(400)
    scorer = Scorer(extract_reference(real, extractor, SCORES, "train"), SCORES)
    similar = scorer.score(extract_statistics(real[::-1][:200], extractor, SCORES, "similar"))
    unlike = scorer.score(extract_statistics(real[:200] // 8, extractor, SCORES, "dark"))
    for name in ("fid", "kid", "precision", "recall", "density", "coverage"):
        first, second = similar[name], unlike[name]
        assert first is not None and second is not None
        assert first < second if name in ("fid", "kid") else first > second, name


@pytest.mark.usefixtures("extractor_folder")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_devices_give_the_same_bits_in_the_same_order_as_one(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.scores.extractor.LEAST_PARTS_A_DEVICE", 1)
    images = make_images(5 * IMAGES_AT_A_TIME + 3)
    alone, shared = load_extractor(CPU), load_extractor(CPU, other_devices=[CPU] * (count - 1))
    for one, other in zip(alone.extract_outputs(images), shared.extract_outputs(images), strict=True):
        assert np.array_equal(one.features, other.features) and np.array_equal(one.logits, other.logits)
    assert len(shared._replicas) == count


@pytest.mark.usefixtures("extractor_folder")
def test_several_devices_hold_a_part_each_and_a_small_set_needs_one() -> None:
    shared = load_extractor(CPU, other_devices=[CPU])
    list(shared.extract(make_images(2 * IMAGES_AT_A_TIME)))
    assert len(shared._replicas) == 1
    read: list[int] = []

    class Recorded:
        shape = (40 * IMAGES_AT_A_TIME, *SHAPE)

        def __len__(self) -> int:
            return self.shape[0]

        def __getitem__(self, part: slice, /) -> NDArray[np.uint8]:
            read.append(part.start // IMAGES_AT_A_TIME)
            return make_images(IMAGES_AT_A_TIME)

    for done, _ in enumerate(shared.extract(Recorded())):
        assert read[-1] <= done + 2
    assert read == list(range(40)) and len(shared._replicas) == 2


@pytest.mark.usefixtures("extractor_folder")
def test_an_error_on_one_of_several_devices_ends_the_extraction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.scores.extractor.LEAST_PARTS_A_DEVICE", 1)
    shared = load_extractor(CPU, other_devices=[CPU])

    def fail(pixels: torch.Tensor) -> ExtractorOutput:
        raise RuntimeError("out of memory")

    shared._make_replicas(2)
    shared._replicas[1] = (fail, CPU)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(shared.extract(make_images(4 * IMAGES_AT_A_TIME)))
