"""The scores that are off by default are computed on request, refused where they have no meaning, or else absent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.inception_weights import build_peer, draw_images, make_weights
from stages.scores.extra_scores import SPATIAL_FEATURES, find_extra_faults
from stages.scores.extractor import load_extractor
from stages.scores.feature_statistics import extract_statistics
from stages.scores.frechet import compute_frechet_distance
from stages.scores.further_moments import Labels
from stages.scores.inception import Inception
from stages.scores.intra_fid import compute_intra_fid
from stages.scores.moments import compute_moments
from stages.scores.params import ScoresParams
from stages.scores.protocol import Protocol, ReferenceSet, check_same_protocol, describe_protocol
from stages.scores.reference_statistics import extract_reference, read_reference, write_reference
from stages.scores.scorer import Scorer
from tests.scores.factories import make_extractor, make_images
from tests.scores.test_extractor import SCORES

CPU = torch.device("cpu")


def switch_on(*names: str, compared_count: int = 90) -> ScoresParams:
    changes = {"compared_count": compared_count, "extra": list(names)}
    return ScoresParams.model_validate(SCORES.model_dump() | changes)


def label(count: int) -> Labels:
    return Labels(np.arange(count) % 3, 3)


@pytest.fixture
def _extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_extractor()


@pytest.mark.usefixtures("_extractor")
def test_they_are_computed_where_they_are_on_and_change_no_other_score(tmp_path: Path) -> None:
    extractor, params = load_extractor(CPU), switch_on("authenticity", "ct", "intra_fid", compared_count=300)
    off = switch_on(compared_count=300)
    real_images, fake_images = make_images(600), make_images(300, seed=1)
    plain = Scorer(extract_reference(real_images, extractor, off, "train"), off)
    without = plain.score(extract_statistics(fake_images, extractor, off, "test"))
    real = extract_reference(real_images, extractor, params, "train", labels=label(600))
    held_out = extract_statistics(make_images(300, seed=2), extractor, params, "other", labels=label(300))
    write_reference(tmp_path / "reference", real._replace(held_out=held_out.features))
    fake = extract_statistics(fake_images, extractor, params, "test", labels=label(300))
    scores = Scorer(read_reference(tmp_path / "reference", "train"), params).score(fake)
    added = {
        "authenticity",
        "authenticity_low",
        "authenticity_high",
        "ct",
        "ct_null_deviation",
        "intra_fid",
        "intra_fid_highest",
    }
    assert scores.keys() - without.keys() == added
    assert {name: scores[name] for name in without} == without
    assert all(scores[name] is not None for name in added)
    features = [
        np.concatenate([part for part, _ in extractor.extract(images)])
        for images in (real_images, fake_images)
    ]
    distances = [
        compute_frechet_distance(*(compute_moments(part[index::3]) for part in features))
        for index in range(3)
    ]
    assert scores["intra_fid"] == pytest.approx(np.mean(distances), rel=1e-9)
    assert scores["intra_fid_highest"] == pytest.approx(max(distances), rel=1e-9)


@pytest.mark.usefixtures("_extractor")
def test_a_score_without_labels_or_held_out_images_has_no_value() -> None:
    extractor, params = load_extractor(CPU), switch_on("ct", "intra_fid")
    real = extract_reference(make_images(300), extractor, params, "train")
    scores = Scorer(real, params).score(
        extract_statistics(make_images(90, seed=1), extractor, params, "test")
    )
    assert [scores[name] for name in ("ct", "ct_null_deviation", "intra_fid", "intra_fid_highest")] == [
        None
    ] * 4


@pytest.mark.usefixtures("_extractor")
def test_too_few_images_of_a_class_are_refused_with_the_reason() -> None:
    extractor, params = load_extractor(CPU), switch_on("intra_fid")
    labels = Labels(np.minimum(np.arange(90), 84) % 85, 85)
    with pytest.raises(
        ValueError, match="test: a class has 1 images, but its FID needs more than .* 6 features"
    ):
        extract_statistics(make_images(90), extractor, params, "test", labels=labels)


@pytest.mark.usefixtures("_extractor")
@pytest.mark.parametrize(("name", "wanted"), [("sfid", "inception"), ("cmmd", "clip")])
def test_a_score_of_another_extractors_features_is_refused(name: str, wanted: str) -> None:
    with pytest.raises(
        ValueError, match=f"{name}, which is defined for the features of {wanted}, .* classifier"
    ):
        extract_statistics(make_images(90), load_extractor(CPU), switch_on(name, compared_count=100), "test")


def test_scores_of_memorisation_need_the_training_images_as_reference() -> None:
    faults = find_extra_faults(["authenticity", "ct", "intra_fid"], "classifier", "test")
    assert [fault.partition(", ")[0] for fault in faults] == [
        "scores.extra names authenticity",
        "scores.extra names ct",
    ]
    assert find_extra_faults(["authenticity", "ct"], "classifier", "train") == []


@pytest.mark.parametrize("names", [["fls"], ["cmmd", "cmmd"], "cmmd", [1]])
def test_unknown_or_repeated_names_are_refused(names: object) -> None:
    with pytest.raises(ValueError, match="extra") as caught:
        ScoresParams.model_validate(SCORES.model_dump() | {"extra": names})
    if names == ["fls"]:
        assert "'authenticity', 'cmmd', 'ct', 'intra_fid' or 'sfid'" in str(caught.value)


def test_other_numbers_of_classes_are_refused() -> None:
    moments = [compute_moments(np.random.default_rng(seed).standard_normal((9, 2))) for seed in range(3)]
    with pytest.raises(ValueError, match="FID by class: 3 classes of real and 2 of generated images"):
        compute_intra_fid(moments, moments[:2])


@pytest.mark.slow
@pytest.mark.parametrize(("count", "is_refused"), [(SPATIAL_FEATURES, True), (SPATIAL_FEATURES + 1, False)])
def test_sfid_needs_more_images_than_its_features(count: int, is_refused: bool) -> None:
    from stages.scores.extractor import OutputArrays
    from stages.scores.further_moments import FurtherMoments
    from tests.scores.test_protocol import CARD

    if is_refused:
        with pytest.raises(ValueError, match="test: 2023 images, but sFID needs more than its 2023 spatial"):
            FurtherMoments(["sfid"], CARD, None, count, "test")
        return
    random = np.random.default_rng(0)
    spatial = [random.standard_normal((count, SPATIAL_FEATURES)).astype(np.float32) for _ in range(2)]
    found = []
    for part in spatial:
        moments = FurtherMoments(["sfid"], CARD, None, count, "test")
        moments.add(OutputArrays(part[:, :3], part[:, :0], part))
        further = moments.finish()
        assert further.spatial is not None
        found.append(further.spatial)
    wanted = compute_frechet_distance(*map(compute_moments, spatial))
    assert compute_frechet_distance(*found) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.slow
def test_the_spatial_features_are_the_first_channels_of_tensorflows_mixed_6_conv() -> None:
    state, images = make_weights(), draw_images(3, 40)
    spatial = Inception(state, CPU, "float32")(images).spatial
    caught: list[torch.Tensor] = []
    with build_peer(state) as peer, torch.inference_mode():
        peer.Mixed_6d.branch1x1.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
        peer(images)
    wanted = caught[0][:, :7].flatten(1)
    assert spatial is not None and wanted.shape == spatial.shape == (3, SPATIAL_FEATURES)
    assert (spatial - wanted).norm() / wanted.norm() < 1e-5


FIELDS = sorted(set(Protocol.model_fields) - {"reference_split"})


def change(value: object) -> object:
    return value + 1 if isinstance(value, int) else f"{value}x"


def describe_all() -> dict[str, object]:
    """Describe a protocol in which every field has a value."""
    from tests.scores.test_protocol import CARD

    card = CARD.model_copy(update={"model": "vitl14", "normalisation": "mean 0"})
    reference = ReferenceSet(split="train", count=10, sha256="a", held_out_sha256="b")
    return describe_protocol(card, SCORES, reference, 100).model_dump()


@pytest.mark.parametrize("field", FIELDS)
def test_a_mismatch_of_any_field_of_the_protocol_is_refused_with_its_name(field: str) -> None:
    first = describe_all()
    with pytest.raises(
        ValueError, match=f"not comparable: {field} is .* in one and .* in the other; make"
    ) as caught:
        check_same_protocol(first, first | {field: change(first[field])}, ("a", "b"), "make both anew")
    assert "\n" not in str(caught.value)
    without = {name: value for name, value in first.items() if name != field}
    with pytest.raises(ValueError, match=f"{field} is .* in one and nothing in the other"):
        check_same_protocol(first, without, ("a", "b"), "make both anew")
