"""`score` gives the same numbers for every way to pass the images, and one error that names a wrong argument."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from stages.common.compute import derive_seed
from stages.evaluate import comparison
from stages.evaluate.library import Protocol, ScoreError, ScoreResult, score
from stages.generators.file import GeneratorFile
from stages.generators.params import GeneratorOptions
from stages.images.image_batches import gather_images
from stages.images.image_sets import ReadOptions
from stages.sample.export import FILES, convert
from stages.scores.card import read_card
from stages.scores.classifier import ExtractorOutput
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.params import ScoresParams
from tests.scores.factories import make_extractor, make_images, write_folder

ROOT = Path(__file__).parents[2]
PROTOCOL = {"splits": 2, "compared_count": 50, "kid_subset_size": 20, "kid_subsets": 5}
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def digits() -> Pixels:
    """All digits of scikit-learn, uint8 [1797, 1, 8, 8]."""
    pixels: Pixels = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)[:, None]
    return pixels


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Pixels) -> None:
    """Work in a folder with an extractor and a folder of real digits."""
    monkeypatch.chdir(tmp_path)
    make_extractor()
    write_folder(Path("real"), digits[:150])


def make_draw(images: Any) -> Callable[[int], Any]:
    """Make a function that returns the next images at each call, in their order."""
    position = 0

    def draw(count: int) -> Any:
        nonlocal position
        position += count
        return images[position - count : position]

    return draw


class PicksDigits(nn.Module):
    """A generator that returns one of the digits that it holds, chosen by the largest of its noise."""

    def __init__(self, digits: Pixels) -> None:
        super().__init__()
        self.digits = nn.Buffer(torch.from_numpy(digits).float() / 127.5 - 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        chosen: torch.Tensor = self.digits[z.argmax(dim=1)]
        return chosen


PICKED = GeneratorOptions(z_dimension=1000, z_distribution="normal", batch_size=50, output_range="symmetric")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, digits: Pixels) -> dict[str, Path]:
    """Export a generator of digits as ONNX and by torch.export."""
    generator: Any = PicksDigits(digits[200 : 200 + PICKED.z_dimension])
    folder = tmp_path_factory.mktemp("exported")
    for file_format, name in FILES.items():
        content = convert(generator, file_format, (torch.randn(4, PICKED.z_dimension),))
        (folder / name).write_bytes(content)
    return {file_format: folder / name for file_format, name in FILES.items()}


def list_sources(images: Pixels) -> dict[str, tuple[Any, dict[str, Any]]]:
    write_folder(Path("files"), images)
    np.savez("images.npz", images=images)
    unit = torch.from_numpy(images).double() / 255
    return {
        "array": (images, {}),
        "NHWC": (images.transpose(0, 2, 3, 1), {}),
        "without channels": (images[:, 0], {}),
        "PyTorch": (torch.from_numpy(images), {}),
        "floats": (unit, {"floats": "unit"}),
        "symmetric": (images.astype(np.float32) / 127.5 - 1, {"floats": "symmetric"}),
        "folder": ("files", {}),
        "path": (Path("files"), {}),
        "npz": ("images.npz", {}),
        "batches": ([images[:70], images[70:75], images[75:]], {}),
        "iterator": (iter(torch.from_numpy(images).split(64)), {}),
        "callable": (make_draw(images), {"fake_count": 120}),
        "callable of floats": (make_draw(unit), {"fake_count": 120, "floats": "unit"}),
    }


def test_digits_have_the_same_scores_whatever_they_come_from(exported: dict[str, Path]) -> None:
    draws = {name: GeneratorFile(path, PICKED, seed=3) for name, path in exported.items()}
    drawn = draws["onnx"].draw(range(120))
    generators = {name: (draw, {"fake_count": 120}) for name, draw in draws.items()}
    results: dict[str, ScoreResult] = {
        name: score("real", fake, protocol=PROTOCOL, **options)
        for name, (fake, options) in (list_sources(drawn) | generators).items()
    }
    first = results["array"]
    assert first["fid"].low is not None and first["fid"].value > 0
    for name, result in results.items():
        assert dict(result.values) == dict(first.values), name
        assert result.protocol == first.protocol and result.fake_count == 120, name


def test_the_real_images_may_come_from_anything_too(digits: Pixels) -> None:
    fake = digits[200:320]
    expected = score("real", fake, protocol=PROTOCOL)
    batches: Iterator[Pixels] = iter(np.split(digits[:150], 3))
    for real in (digits[:150], batches):
        result = score(real, fake, protocol=expected.protocol)
        assert dict(result.values) == dict(expected.values)


def test_the_examples_of_the_documents_run(monkeypatch: pytest.MonkeyPatch, digits: Pixels) -> None:
    np.save("samples.npy", digits[200:400])
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/library.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) >= 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["result"].fake_count == names["drawn"].fake_count == 200


def test_a_result_says_which_scores_it_has_and_torch_keeps_its_settings(digits: Pixels) -> None:
    threads = torch.get_num_threads()
    result = score(
        "real", digits[200:320], extractor=load_extractor(torch.device("cpu")), protocol=PROTOCOL, threads=1
    )
    assert torch.get_num_threads() == threads
    with pytest.raises(KeyError, match="fd: there is inception_score, fid, kid"):
        result["fd"]
    kid = result["kid"]
    assert kid.standard_error is not None and kid.low is not None and kid.high is not None
    assert kid.high - kid.low == pytest.approx(2 * 1.959964 * kid.standard_error, rel=1e-6)


def test_an_iterator_is_read_once_to_its_end(digits: Pixels) -> None:
    parts = (digits[10 * part : 10 * part + 10] for part in range(12))
    images = gather_images(parts, "fake", ReadOptions("auto", "refuse", None), count=None)
    assert images.shape == (120, 1, 8, 8)
    with pytest.raises(StopIteration):
        next(parts)


def not_finite(images: Pixels) -> Any:
    floats = images / 255.0
    floats[7, 0, 3, 3] = np.nan
    return floats


def write_pickle() -> str:
    torch.save({}, "model.pt")
    return "model.pt"


WRONG: dict[str, tuple[Callable[[Pixels], Any], dict[str, Any], str]] = {
    "a number": (lambda images: 3, {}, "fake is a int; expected an array"),
    "nothing": (lambda images: None, {}, "fake is a NoneType; expected an array"),
    "no such folder": (lambda images: "nowhere", {}, "^fake nowhere: there is no such file or folder"),
    "a pickle": (lambda images: write_pickle(), {}, "^fake model.pt is neither a folder .* this is a pickle"),
    "floats without a range": (lambda images: images / 255, {}, r"name the range: floats unit for \[0, 1\]"),
    "a wrong range": (
        lambda images: images / 16.0,
        {"floats": "unit"},
        r"fake: image \d+ .* outside \[0, 1\]",
    ),
    "NaN": (not_finite, {"floats": "unit"}, "fake: image 7 .* spans nan to nan"),
    "wide integers": (lambda images: images.astype(np.int32), {}, "fake holds int32, expected uint8"),
    "objects": (lambda images: np.array([{}, {}] * 60), {}, r"fake holds object \[120\], expected images"),
    "two axes": (
        lambda images: images.reshape(120, 64),
        {},
        r"fake holds uint8 \[120, 64\], expected images",
    ),
    "no images": (lambda images: images[:0], {}, r"fake holds uint8 \[0, 1, 8, 8\], expected images"),
    "other sizes": (
        lambda images: images[..., :7],
        {},
        "of 8 x 8 pixels and fake of 8 x 7: .*; resize N resizes both",
    ),
    "few": (lambda images: images[:6], {}, "^fake: 6 images, but FID with .* needs 7 or more"),
    "a callable without a number": (make_draw, {}, "^fake_count is missing: fake is a function"),
    "a callable that stops": (
        make_draw,
        {"fake_count": 130},
        "fake returned 20 images where 30 were asked for",
    ),
    "a callable of one image": (
        lambda images: lambda n: images[0],
        {"fake_count": 60},
        "returned 1 images where 60",
    ),
    "a callable of nothing": (
        lambda images: lambda n: None,
        {"fake_count": 60},
        "returned a NoneType where 60",
    ),
    "batches of pairs": (lambda images: [(images, 0)], {}, r"fake, batch 0 \(counted from 0\), is a tuple"),
    "batches of single images": (lambda images: list(images), {}, r"batch 0 .* has the shape \[1, 8, 8\]"),
    "batches of other shapes": (
        lambda images: [images, images[..., :7]],
        {},
        r"batch 1 .* holds images \[1, 8, 7\], but the first batch \[1, 8, 8\]",
    ),
    "no batch": (lambda images: iter(()), {}, "fake yields no batch"),
    "few batches": (
        lambda images: [images],
        {"fake_count": 121},
        "yields only 120 images, but fake_count is 121",
    ),
    "zero images": (
        lambda images: images,
        {"fake_count": 0},
        "fake_count = 0: expected a whole number of 1 or more",
    ),
    "half an image": (
        lambda images: images,
        {"real_count": 1.5},
        "real_count = 1.5: expected a whole number",
    ),
    "many real images": (
        lambda images: images,
        {"real_count": 151},
        "real_count 151: real holds only 150 images; .* another number with real_count$",
    ),
    "an unknown layout": (
        lambda images: images,
        {"layout": "CHWN"},
        "layout = 'CHWN': expected auto, NHWC, NCHW",
    ),
    "an unknown range": (lambda images: images, {"floats": "byte"}, "floats = 'byte': expected refuse, unit"),
    "no size": (lambda images: images, {"resize": 0}, "resize = 0: expected a whole number of 1 or more"),
    "an unknown protocol": (
        lambda images: images,
        {"protocol": "mine"},
        "protocol mine is unknown; there is field",
    ),
    "a misspelt parameter": (
        lambda images: images,
        {"protocol": {"split": 2}},
        "protocol has 1 fault:\n.*scores.split",
    ),
    "no protocol": (lambda images: images, {"protocol": 3}, "protocol is a int; expected a name"),
    "an unknown extractor": (lambda images: images, {"extractor": "vgg"}, "^extractor vgg is unknown"),
    "Inception without weights": (
        lambda images: images,
        {"extractor": "inception"},
        "extractor inception needs weights",
    ),
    "a misspelt extractor": (lambda images: images, {"extractor": "dino2"}, r"did you mean dinov2\?"),
    "weights of no network": (
        lambda images: images,
        {"extractor": "clip", "weights": "model.pt"},
        "^weights = 'model.pt' does not exist",
    ),
    "weights of a folder": (
        lambda images: images,
        {"weights": "model.pt"},
        "^weights goes with extractor clip,",
    ),
    "a checksum that is none": (
        lambda images: images,
        {"extractor": "dinov2", "weights": "model.pt", "weights_sha256": "12"},
        "extractor.dinov2.sha256 = '12'",
    ),
    "an unknown option of an extractor": (
        lambda images: images,
        {"extractor": "dinov2", "weights": "model.pt", "extractor_options": {"model": "vith14"}},
        "with extractor_options has 1 fault:\n.*dinov2.model = 'vith14'",
    ),
    "an unknown device": (lambda images: images, {"device": "tpu"}, "device = 'tpu'"),
    "no threads": (
        lambda images: images,
        {"threads": 0},
        "threads = 0: expected a whole number of 1 or more",
    ),
    "an empty path": (lambda images: "", {}, "^fake is an empty path; expected a folder of images"),
    "masked values": (lambda images: np.ma.masked_less(images, 9), {}, "^fake has masked values"),
    "masked batches": (
        lambda images: [np.ma.masked_less(images, 9)],
        {},
        "^fake, batch 0 .* has masked values",
    ),
    "no data": (
        lambda images: torch.zeros(120, 1, 8, 8, device="meta"),
        {},
        "^fake cannot be read as an array",
    ),
    "sparse": (lambda images: torch.zeros(120, 1, 8, 8).to_sparse(), {}, "^fake cannot be read as an array"),
    "complex numbers": (
        lambda images: images + 1j,
        {"floats": "unit"},
        "^fake holds complex128, expected uint8",
    ),
    "one name of a score": (lambda images: images, {"extra": 3}, "^extra = 3: expected a list of names"),
    "a name of no score": (lambda images: images, {"extra": [3]}, r"scores.extra.0 = 3: input should be"),
    "options that are none": (
        lambda images: images,
        {"extractor": "dinov2", "extractor_options": "model"},
        "^extractor_options = 'model': expected a mapping",
    ),
    "weights that are no path": (
        lambda images: images,
        {"extractor": "inception", "weights": 3},
        "^weights = 3: expected a path",
    ),
    "a cache that is no path": (lambda images: images, {"cache": 3}, "^cache = 3: expected a path"),
    "a cache that is a file": (
        lambda images: images,
        {"cache": "real/0000.png"},
        "^cache real/0000.png is a file; name a folder",
    ),
    "an order in words": (
        lambda images: images,
        {"in_order": "no"},
        "^in_order = 'no': expected True or False",
    ),
    "an unknown precision": (
        lambda images: images,
        {"extractor": "inception", "weights": "w", "precision": "half"},
        "^precision = 'half': expected float32 or bfloat16",
    ),
    "real images": (lambda images: "real", {}, "fake real and real share files"),
}


def test_counts_may_be_numpys_whole_numbers(digits: Pixels) -> None:
    counts: list[Any] = [100, np.int64(100)]
    first, second = (score("real", digits[200:320], protocol=PROTOCOL, fake_count=count) for count in counts)
    assert first.to_record() == second.to_record()


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_one_error_that_names_it(case: str, digits: Pixels) -> None:
    make, options, message = WRONG[case]
    with pytest.raises(ScoreError, match=message) as caught:
        score("real", make(digits[200:320]), **{"protocol": PROTOCOL, **options})
    assert "--" not in str(caught.value)


def test_a_result_of_another_protocol_is_refused_with_the_fields_name(digits: Pixels) -> None:
    first = score("real", digits[200:320], protocol=PROTOCOL)
    other = first.protocol.model_copy(update={"weights_sha256": "0" * 64})
    with pytest.raises(ScoreError, match="not comparable: weights_sha256 is "):
        score("real", digits[200:320], protocol=other)
    with pytest.raises(ScoreError, match="not comparable: reference_sha256 is "):
        score(digits[1:151], digits[200:320], protocol=first.protocol)
    with pytest.raises(ScoreError, match="fake_count 120: fake holds only 119 images"):
        score("real", digits[200:319], protocol=first.protocol)


# The fields of a given protocol that `score` finds out itself and compares; it takes its options from all other fields.
FOUND = (
    "extractor", "weights_sha256", "resize", "precision", "feature_dimension", "reference_count", "reference_sha256",
    "model", "normalisation",
)  # fmt: skip


def test_a_mismatch_of_any_field_is_refused_with_its_name_before_the_network_computes(
    digits: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score("real", digits[200:320], protocol=PROTOCOL)
    taken = {*ScoresParams.model_fields, "sample_count", "reference_split", "held_out_sha256"}
    assert taken | set(FOUND) == set(Protocol.model_fields) | {"extra"}
    monkeypatch.setattr(comparison, "load_or_extract_reference", None)
    for field in sorted(set(FOUND) - {"reference_sha256"}):
        value = getattr(first.protocol, field)
        changed = value + 1 if isinstance(value, int) else f"{value}x"
        other = first.protocol.model_copy(update={field: changed})
        with pytest.raises(ScoreError, match=f"not comparable: {field} is .* in one and .* other; score all"):
            score("real", digits[200:320], protocol=other)


def make_loaded(features: int, value: float = 0.0) -> Extractor:
    """Make an extractor whose network gives this number of random features, of which one has the given value."""

    def see(pixels: torch.Tensor) -> ExtractorOutput:
        found = pixels.float().flatten(1)[:, :features].clone()
        found[-1, -1] += value
        return ExtractorOutput(found, found[:, :3])

    card = read_card().model_copy(update={"feature_dimension": 6})
    return Extractor(card, see, torch.device("cpu"))


@pytest.mark.parametrize(
    ("features", "value", "message"),
    [
        (7, 0.0, r"features \[150, 7\] do not fit, expected \[N, 6\]"),
        (6, float("nan"), "real real: the extractor's output for real/0149.png is not finite"),
        (6, float("inf"), "real real: the extractor's output for real/0149.png is not finite"),
    ],
)
def test_features_of_another_shape_or_not_finite_are_one_line(
    features: int, value: float, message: str, digits: Pixels
) -> None:
    with pytest.raises(ScoreError, match=message) as caught:
        score("real", digits[200:320], extractor=make_loaded(features, value), protocol=PROTOCOL)
    assert "\n" not in str(caught.value)


def test_a_fault_of_the_function_that_draws_keeps_its_traceback() -> None:
    def draw(count: int) -> Pixels:
        raise ZeroDivisionError("of the user's own")

    with pytest.raises(ZeroDivisionError):
        score("real", draw, fake_count=60, protocol=PROTOCOL)


def test_random_images_are_worse_than_digits(digits: Pixels) -> None:
    good = score("real", digits[200:320], protocol=PROTOCOL)
    bad = score("real", make_images(120, derive_seed(0) % 99), protocol=PROTOCOL)
    assert bad["fid"].value > good["fid"].value
