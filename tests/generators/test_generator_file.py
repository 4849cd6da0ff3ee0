"""Generator files of three kinds give the same images; pickles and wrong output are refused."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages.common.errors import InputError
from stages.generators.file import GeneratorFile
from stages.generators.params import GeneratorOptions
from stages.generators.repeatability import OF_BATCH, OWN_NOISE
from stages.networks.architectures import build_generator
from stages.networks.generator import Generator
from stages.networks.params import NetworksParams
from stages.sample.export import convert

Z = 6
OPTIONS = GeneratorOptions(z_dimension=Z, z_distribution="normal", batch_size=20, output_range="symmetric")
Edit = Callable[[dict[str, bytes]], object]


class Runs:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


@cache
def make_network() -> Generator:
    torch.manual_seed(0)
    networks = NetworksParams(architecture="standard", z_dimension=Z, width=4, negative_slope=0.1)
    return build_generator((1, 8, 8), networks).eval()


class OfNoise(nn.Module):
    """The network with its noise as the only input."""

    def __init__(self) -> None:
        super().__init__()
        self.network = make_network()

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.network(z)
        return images


@cache
def make_file(kind: str) -> bytes:
    z = torch.zeros(4, Z)
    if kind != "torchscript":
        return convert(make_network(), kind, (z,))
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(OfNoise(), z), file)
    return file.getvalue()


def write(content: bytes, name: str = "generator") -> str:
    Path(name).write_bytes(content)
    return name


def test_all_kinds_draw_the_images_of_the_network_whatever_their_names() -> None:
    expected = None
    for kind in ("torchscript", "torch_export", "onnx"):
        generator = GeneratorFile(write(make_file(kind), "generator.bin"), OPTIONS, seed=3)
        images = np.concatenate([generator(15), generator(30)])
        assert images.shape == (45, 1, 8, 8) and images.dtype == np.uint8
        assert np.array_equal(GeneratorFile("generator.bin", OPTIONS, seed=3).draw(range(45)), images)
        expected = images if expected is None else expected
        # Runtimes round differently in the last bits of a float32.
        assert np.abs(images.astype(int) - expected).max() <= 1
    assert expected is not None and len(np.unique(expected, axis=0)) == 45


def edit_archive(content: bytes, edit: Edit) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def save(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def replace(old: str, new: str) -> Edit:
    def edit(members: dict[str, bytes]) -> None:
        text = members["archive/models/model.json"].decode()
        assert old in text
        members["archive/models/model.json"] = text.replace(old, new).encode()

    return edit


def pickle_a_weight(members: dict[str, bytes]) -> None:
    name = "archive/data/weights/model_weights_config.json"
    config = json.loads(members[name])
    first = next(iter(config["config"].values()))
    first["use_pickle"] = True
    members[f"archive/data/weights/{first['path_name']}"] = save(Runs())
    members[name] = json.dumps(config).encode()


def add_object(members: dict[str, bytes]) -> None:
    payload = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    config = {"config": {"x": payload}}
    members["archive/data/constants/model_constants_config.json"] = json.dumps(config).encode()
    members["archive/data/constants/opaque_obj_0"] = pickle.dumps(Runs())


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a pickle": (lambda: pickle.dumps(Runs()), "is a pickle.* can run any code"),
    "an old pickle": (lambda: pickle.dumps(Runs(), protocol=0), "is a pickle"),
    "a checkpoint of torch.save": (lambda: save(Runs()), "is a pickle"),
    "a state dict": (lambda: save(make_network().state_dict()), "is a pickle"),
    "text": (lambda: b"generator.", "is no generator; expected TorchScript"),
    "nothing": (lambda: b"", "is no generator"),
    "safetensors": (lambda: b"\x10\0\0\0\0\0\0\0{}" + b" " * 20, "holds weights and no network"),
    "a zip of images": (
        lambda: edit_archive(make_file("torch_export"), dict.clear),
        "is a zip without a network",
    ),
    "a cut ONNX file": (lambda: make_file("onnx")[:-900], "cannot be loaded by onnxruntime"),
    "a cut TorchScript file": (lambda: make_file("torchscript")[:2000], "damaged"),
    "a cut program": (lambda: make_file("torch_export")[:2000], "damaged"),
    "a program without weights": (
        lambda: edit_archive(make_file("torch_export"), lambda m: m.pop("archive/data/weights/weight_0")),
        "cannot be loaded by torch",
    ),
    "a pickled weight": (
        lambda: edit_archive(make_file("torch_export"), pickle_a_weight),
        "holds pickled weights",
    ),
    "an object": (
        lambda: edit_archive(make_file("torch_export"), add_object),
        "opaque_obj_0, which torch would un",
    ),
    "old weights": (
        lambda: edit_archive(
            make_file("torch_export"), lambda m: m.update({"archive/data/weights/model.pt": save(Runs())})
        ),
        "model.pt, which torch would unpickle",
    ),
    "pickled example inputs": (
        lambda: edit_archive(
            make_file("torch_export"),
            lambda m: m.update({"archive/data/sample_inputs/model.pt": save(Runs())}),
        ),
        "example inputs that are a pickle",
    ),
    "a call of the system": (
        lambda: edit_archive(
            make_file("torch_export"), replace("torch.ops.aten.tanh.default", "torch.os.mkdir")
        ),
        "calls 'torch.os.mkdir', which is no operator",
    ),
    "a file operator": (
        lambda: edit_archive(
            make_file("torch_export"),
            replace("torch.ops.aten.tanh.default", "torch.ops.aten.from_file.default"),
        ),
        "which is no operator of a network",
    ),
    "a size that is code": (
        lambda: edit_archive(
            make_file("torch_export"),
            replace("Symbol('s", "__import__('os').mkdir('executed') or Symbol('s"),
        ),
        "which torch would evaluate as Python",
    ),
    "a compiled program": (
        lambda: edit_archive(
            make_file("torch_export"), lambda m: m.update({"archive/data/aotinductor/model/x.so": b"\x7fELF"})
        ),
        "torch would unpickle or run",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_run_other_code_or_is_no_generator_is_refused_in_a_line(case: str) -> None:
    make, message = REFUSED[case]
    path = write(make(), "generator.onnx")
    with pytest.raises(InputError, match=message) as caught:
        GeneratorFile(path, OPTIONS)
    assert "generator.onnx" in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("executed").exists()


def test_torchscript_that_writes_files_is_refused() -> None:
    class Writes(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.from_file("secret", True, 4)

    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Writes()), file)
    with pytest.raises(InputError, match="reads or writes files"):
        GeneratorFile(write(file.getvalue()), OPTIONS)


class Returns(nn.Module):
    """A network that returns a constant for any noise."""

    value: Tensor

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, z: Tensor) -> Tensor:
        return self.value + (z.sum() * 0).to(self.value.dtype)


@pytest.mark.parametrize(
    ("value", "output_range", "message"),
    [
        (torch.full((20, 1, 8, 8), torch.nan), "symmetric", "not finite"),
        (torch.full((20, 1, 8, 8), torch.inf), "unit", "not finite"),
        (torch.full((20, 1, 8, 8), 1.1), "symmetric", r"values from 1.1 to 1.1, outside \[-1, 1\]"),
        (torch.full((20, 1, 8, 8), -0.5), "unit", r"outside \[0, 1\]"),
        (torch.full((20, 1, 8, 8), 200.0), "symmetric", r"outside \[-1, 1\]"),
        (torch.zeros(20, 1, 8, 8), "uint8", "returns torch.float32, but output_range is uint8"),
        (
            torch.zeros(20, 1, 8, 8, dtype=torch.uint8),
            "unit",
            "returns torch.uint8, but output_range is unit",
        ),
        (torch.zeros(20, 64), "unit", r"returns \[20, 64\]; expected images \[20, 1 or 3, H, W\]"),
        (torch.zeros(20, 8, 8, 3), "unit", r"returns \[20, 8, 8, 3\]; expected"),
        (torch.zeros(1, 1, 8, 8), "unit", r"returns \[1, 1, 8, 8\]; expected"),
        (torch.zeros(20, 1, 0, 8), "unit", r"returns \[20, 1, 0, 8\]; expected"),
        (torch.zeros(20, 1, 8, 8, dtype=torch.complex64), "unit", "returns torch.complex64, but"),
    ],
)
def test_output_that_is_no_images_of_the_declared_range_is_refused(
    value: Tensor, output_range: str, message: str
) -> None:
    torch.jit.save(torch.jit.script(Returns(value)), "generator.pt")
    options = GeneratorOptions.model_validate(OPTIONS.model_dump() | {"output_range": output_range})
    with pytest.raises(InputError, match=message):
        GeneratorFile("generator.pt", options)(5)


@pytest.mark.parametrize(
    ("value", "output_range", "pixel"),
    [
        (1.0, "symmetric", 255),
        (-1.0, "symmetric", 0),
        (0.5, "unit", 128),
        (1.0001, "unit", 255),
        (7.0, "uint8", 7),
    ],
)
def test_each_range_is_mapped_to_pixels(value: float, output_range: str, pixel: int) -> None:
    dtype = torch.uint8 if output_range == "uint8" else torch.float32
    torch.jit.save(torch.jit.script(Returns(torch.full((20, 3, 4, 4), value).to(dtype))), "generator.pt")
    options = GeneratorOptions.model_validate(OPTIONS.model_dump() | {"output_range": output_range})
    assert (GeneratorFile("generator.pt", options)(3) == pixel).all()


class ReturnsPair(nn.Module):
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z, z


class ReturnsNoData(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.zeros([20, 1, 8, 8], device="meta")


class ReturnsElsewhere(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.zeros([20, 1, 8, 8], device="xpu")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (ReturnsPair(), "^generator.pt returns a tuple; expected images"),
        (ReturnsNoData(), "^generator.pt cannot be run on noise .*meta"),
        (ReturnsElsewhere(), "^generator.pt cannot be run on noise"),
    ],
)
def test_output_that_is_no_tensor_or_on_no_device_is_one_line(network: nn.Module, message: str) -> None:
    torch.jit.save(torch.jit.script(network), "generator.pt")
    with pytest.raises(InputError, match=message) as caught:
        GeneratorFile("generator.pt", OPTIONS)(5)
    assert "\n" not in str(caught.value)


class ReturnsKind(nn.Module):
    """Returns numbers of few bits, or a sparse tensor."""

    def __init__(self, is_sparse: bool) -> None:
        super().__init__()
        self.is_sparse = is_sparse

    def forward(self, z: Tensor) -> Tensor:
        images = torch.tanh(z.repeat(1, 4)).reshape(-1, 1, 4, 6)
        return images.to_sparse() if self.is_sparse else images.to(torch.float8_e4m3fn)


def test_sparse_images_and_those_of_few_bits_are_drawn() -> None:
    for is_sparse in (True, False):
        torch.jit.save(torch.jit.script(ReturnsKind(is_sparse)), "generator.pt")
        images = GeneratorFile("generator.pt", OPTIONS)(30)
        assert images.shape == (30, 1, 4, 6) and images.std() > 50


@pytest.mark.parametrize("kind", ["torchscript", "torch_export", "onnx"])
def test_noise_of_another_length_is_one_line(kind: str) -> None:
    options = OPTIONS.model_copy(update={"z_dimension": Z + 1})
    generator = GeneratorFile(write(make_file(kind)), options)
    with pytest.raises(InputError, match=rf"generator cannot be run on noise \[20, {Z + 1}\].*z_dimension"):
        generator(3)


def make_onnx(batch: int | str, with_second: bool = False) -> bytes:
    """Make a network of noise [batch, Z] that returns images [-1, 1, 2, 3], and with a second output its noise."""
    from onnx import TensorProto, helper

    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [batch, Z])
    outputs = ["x", "t"] if with_second else ["x"]
    graph = helper.make_graph(
        [helper.make_node("Tanh", ["z"], ["t"]), helper.make_node("Reshape", ["t", "shape"], ["x"])],
        "generator",
        [z],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [helper.make_tensor("shape", TensorProto.INT64, [4], [-1, 1, 2, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


@pytest.mark.parametrize("batch", ["n", 20])
def test_an_onnx_file_may_take_any_number_of_images_or_the_batch_size_alone(batch: int | str) -> None:
    images = GeneratorFile(write(make_onnx(batch)), OPTIONS)(45)
    assert images.shape == (45, 1, 2, 3) and len(np.unique(images, axis=0)) == 45


def test_an_onnx_file_of_another_batch_size_or_with_two_outputs_is_one_line() -> None:
    with pytest.raises(InputError, match=r"\[20, 6\].* Got: 20 Expected: 7 .*compare its input") as caught:
        GeneratorFile(write(make_onnx(7)), OPTIONS)(5)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="generator has the outputs x, t; expected one, the images"):
        GeneratorFile(write(make_onnx("n", with_second=True)), OPTIONS)


def test_uniform_noise_lies_between_minus_one_and_one() -> None:
    class Echoes(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z.reshape(-1, 1, 2, 3)

    torch.jit.save(torch.jit.script(Echoes()), "generator.pt")
    uniform = GeneratorFile("generator.pt", OPTIONS.model_copy(update={"z_distribution": "uniform"}))
    images = uniform(500).astype(float) / 127.5 - 1
    assert abs(images.mean()) < 0.05 and images.std() == pytest.approx(3**-0.5, abs=0.02)


class AddsNoise(nn.Module):
    """Adds noise of its own, as StyleGAN does."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(z + 0.3 * torch.randn(z.shape)).reshape(-1, 1, 2, 3)


class DropsOut(nn.Module):
    """Drops some values even in evaluation mode."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(torch.nn.functional.dropout(z, 0.5, True)).reshape(-1, 1, 2, 3)


class NormalisesBatch(nn.Module):
    """Uses the statistics of the batch."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(z - z[0]).reshape(-1, 1, 2, 3)


def make_noisy_onnx() -> bytes:
    from onnx import TensorProto, helper

    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", Z])
    nodes = [
        helper.make_node("RandomNormalLike", ["z"], ["own"], dtype=TensorProto.FLOAT),
        helper.make_node("Add", ["z", "own"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["x"]),
    ]
    outputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
    constants = [helper.make_tensor("shape", TensorProto.INT64, [4], [-1, 1, 2, 3])]
    graph = helper.make_graph(nodes, "generator", [z], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def script(network: nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(network), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "caveat"),
    [
        (lambda: script(AddsNoise()), OWN_NOISE),
        (lambda: script(DropsOut()), OWN_NOISE),
        (make_noisy_onnx, OWN_NOISE),
        (lambda: script(NormalisesBatch()), OF_BATCH),
        (lambda: make_onnx("n"), None),
        (lambda: make_file("torch_export"), None),
    ],
)
def test_a_generator_whose_images_are_not_given_by_their_noise_is_told_and_repeatable(
    make: Callable[[], bytes], caveat: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(make())
    state = torch.random.get_rng_state()
    drawn = []
    for seed in (3, 3, 4):
        generator = GeneratorFile(path, OPTIONS, seed)
        drawn.append(generator(45))
        assert generator.caveat == caveat
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    # The process's own random numbers are as they were.
    assert torch.equal(torch.random.get_rng_state(), state)
    assert capsys.readouterr().err == ("" if caveat is None else f"generator: {caveat}\n" * 3)


class Conditional(nn.Module):
    """Has ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, Z)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.tanh(z + self.embedding(labels)).reshape(-1, 1, 2, 3)


@pytest.mark.parametrize("class_count", [11, 12, 30, 1000])
def test_labels_that_a_conditional_generator_does_not_know_are_refused_with_its_first_images(
    class_count: int,
) -> None:
    path = write(script(Conditional().eval()))
    options = OPTIONS.model_copy(update={"class_count": class_count, "batch_size": 20})
    with pytest.raises(
        InputError, match=rf"labels \[20\], int64, from \d+ to {class_count - 1} .*class_count"
    ):
        GeneratorFile(path, options)(1)
    GeneratorFile(path, options.model_copy(update={"class_count": 10}))(1)


def flip_bits(content: bytes, distance: int) -> bytes:
    return bytes(byte ^ (place % distance == 3) for place, byte in enumerate(content))


@pytest.mark.parametrize("kind", ["torchscript", "torch_export", "onnx"])
@pytest.mark.parametrize("distance", [97, 499, 997, 3001])
def test_a_damaged_file_is_one_line_or_draws(kind: str, distance: int) -> None:
    path = write(flip_bits(make_file(kind), distance))
    try:
        GeneratorFile(path, OPTIONS)(3)
    except InputError as error:
        assert str(error).startswith("generator ") and "\n" not in str(error)


class OfRange(nn.Module):
    """Returns values from `low` to `high`."""

    def __init__(self, low: float, high: float, is_integer: bool = False) -> None:
        super().__init__()
        self.low, self.high, self.is_integer = low, high, is_integer

    def forward(self, z: Tensor) -> Tensor:
        images = self.low + (self.high - self.low) * torch.sigmoid(z).reshape(-1, 1, 2, 3)
        return images.to(torch.uint8) if self.is_integer else images


@pytest.mark.parametrize(
    ("network", "output_range", "message"),
    [
        (OfRange(0, 1), "symmetric", r"returns no negative value in 20 images, .* name unit for \[0, 1\]"),
        (OfRange(0.01, 0.6), "symmetric", "returns no negative value"),
        (OfRange(0, 1.99, True), "uint8", "returns no value above 1 of 255"),
        (
            OfRange(0, 20, True),
            "uint8",
            r"returns no value above \d+ of 255 in 20 images, which would be almost",
        ),
        (OfRange(0, 1), "unit", None),
        (OfRange(-1, 1), "symmetric", None),
        (OfRange(0, 255, True), "uint8", None),
        # A collapsed generator is a result.
        (OfRange(1, 1), "symmetric", None),
        (OfRange(1, 1, True), "uint8", None),
    ],
)
def test_images_that_use_little_of_their_declared_range_are_refused(
    network: nn.Module, output_range: str, message: str | None
) -> None:
    generator = GeneratorFile(
        write(script(network)), OPTIONS.model_copy(update={"output_range": output_range})
    )
    if message is None:
        assert generator(30).shape == (30, 1, 2, 3)
    else:
        with pytest.raises(InputError, match=message):
            generator(30)
