"""Draw images from a generator that somebody else trained: a TorchScript, torch.export or ONNX file."""

import io
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.common.compute import derive_seed
from stages.common.errors import InputError
from stages.common.file_tree import check_regular_file, expand_user, show_path
from stages.common.pixels import tensor_to_pixels
from stages.generators.kinds import ONNX, TORCH_EXPORT, find_kind
from stages.generators.noise import sample_z_of
from stages.generators.output_scale import check_scale
from stages.generators.params import GeneratorOptions
from stages.generators.repeatability import find_caveat
from stages.generators.torch_export_file import load_torch_export

Network = Callable[..., Any]
"""A function from noise, float32 [N, Z], and for a conditional generator labels, int64 [N], to images."""
# Half the distance between two pixel values. An output that exceeds its range by no more is rounded to a pixel value.
HALF_LEVEL = 0.5 / 255
SPANS = {"symmetric": (-1.0, 1.0), "unit": (0.0, 1.0)}
NO_RUNTIME = "needs onnxruntime: `pip install -c constraints.txt -r requirements-export.txt`"
# The operators of TorchScript that read or write files.
FILE_OPERATOR = re.compile(rb"\b(?:torch|ops\.aten)\.(?:from_file|save|load)\(")


class GeneratorFile:
    """A generator of somebody else, loaded from a file, which draws images.

    A call draws the next images, so the object can be passed as `draw(n)` to `stages.evaluate.library.score`.

    Attributes:
        kind: `ONNX`, `TorchScript` or `torch.export`.
        name: the name of the file, for messages.
        caveat: what is to be said with scores of the images, such as that the generator adds noise of its own; None
            where there is nothing to say, and before the first images are drawn.
    """

    caveat: str | None = None

    def __init__(self, path: str | Path, options: GeneratorOptions, seed: int = 0) -> None:
        """Load a generator on the CPU, where it runs without gradients in as many threads as torch uses.

        Args:
            path: the file.
            options: how the generator is called.
            seed: the seed of the noise; image i depends only on the seed and i.

        Raises:
            InputError: the file is missing, damaged or of another kind, or holds something that could run other code.
        """
        self.name = show_path(path)
        content = _read(expand_user(path), self.name)
        self.kind = find_kind(content, self.name)
        self._options, self._seed, self._position = options, seed, 0
        self._network = _load(content, self.kind, self.name, 1 if options.class_count is None else 2, seed)
        self._is_checked = False

    def __call__(self, count: int) -> NDArray[np.uint8]:
        """Draw the next `count` images, uint8 [count, C, H, W]."""
        indices = range(self._position, self._position + count)
        self._position += count
        return self.draw(indices)

    def draw(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Draw the images of these indices, uint8 [N, C, H, W].

        Before the first images, a batch is drawn again, and one with the largest labels; a caveat is printed.

        Raises:
            InputError: the generator cannot be run on such noise and labels, or does not return images in its range.
        """
        if not self._is_checked:
            self._check()
        parts = [
            self._draw_part(indices[start : start + self._options.batch_size])
            for start in range(0, len(indices), self._options.batch_size)
        ]
        return np.concatenate(parts)

    def _check(self) -> None:
        batch, classes = self._options.batch_size, self._options.class_count
        z, labels = self._make_inputs(range(batch))
        if labels is not None and classes is not None and classes > batch:
            self._run(z, classes - 1 - labels, 0)
        check_scale(self._run(z, labels, 0), self._options.output_range, self.name)
        self.caveat = find_caveat(self._run, z, labels)
        self._is_checked = True
        if self.caveat is not None:
            print(f"{self.name}: {self.caveat}", file=sys.stderr)

    def _draw_part(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        z, labels = self._make_inputs(indices)
        return self._run(z, labels, derive_seed(self._seed, "own noise", indices[0]))[: len(indices)]

    def _make_inputs(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Make the noise and, for a conditional generator, the labels of a whole batch that begins with some images."""
        options = self._options
        z = sample_z_of(indices, options.z_dimension, self._seed, options.z_distribution == "uniform")
        # Networks may round differently for other batch sizes, and some accept only one, so every batch is padded.
        z = torch.cat([z, z.new_zeros(options.batch_size - len(z), options.z_dimension)])
        if options.class_count is None:
            return z, None
        labels = torch.zeros(options.batch_size, dtype=torch.int64)
        labels[: len(indices)] = torch.tensor(indices) % options.class_count
        return z, labels

    def _run(self, z: Tensor, labels: Tensor | None, seed: int) -> NDArray[np.uint8]:
        """Run the network on a whole batch; `seed` is that of noise that the network itself adds by torch."""
        inputs, with_labels = [z], ""
        if labels is not None:
            inputs = [z, labels]
            with_labels = (
                f" and labels [{len(labels)}], int64, from {int(labels.min())} to {int(labels.max())}"
            )
        try:
            with (
                torch.no_grad(),
                warnings.catch_warnings(action="ignore"),
                torch.random.fork_rng(devices=[]),
            ):
                torch.manual_seed(seed)
                images = _to_plain_tensor(self._network(*inputs))
        # A network of somebody else may raise anything.
        except Exception as error:
            raise InputError(
                f"{self.name} cannot be run on noise {list(z.shape)}, float32{with_labels} ({_summarise(error)}); "
                "compare its input with z_dimension, batch_size and class_count"
            ) from None
        return self._to_pixels(images)

    def _to_pixels(self, images: Any) -> NDArray[np.uint8]:
        """Check the images that the network returned, and map them to pixels as the pipeline does for its own GANs."""
        count, output_range = self._options.batch_size, self._options.output_range
        if (
            not isinstance(images, Tensor)
            or images.ndim != 4
            or len(images) != count
            or images.shape[1] not in (1, 3)
            or not images.numel()
        ):
            found = list(images.shape) if isinstance(images, Tensor) else f"a {type(images).__name__}"
            raise InputError(f"{self.name} returns {found}; expected images [{count}, 1 or 3, H, W]")
        if output_range == "uint8":
            if images.dtype != torch.uint8:
                raise InputError(
                    f"{self.name} returns {images.dtype}, but output_range is uint8; name its range"
                )
            pixels: NDArray[np.uint8] = images.contiguous().numpy()
            return pixels
        if not images.is_floating_point():
            raise InputError(
                f"{self.name} returns {images.dtype}, but output_range is {output_range}; name uint8"
            )
        if not torch.isfinite(images).all():
            raise InputError(f"{self.name} returns values that are not finite; nothing is drawn from it")
        low, high = SPANS[output_range]
        reach = HALF_LEVEL * (high - low)
        least, largest = float(images.min()), float(images.max())
        if least < low - reach or largest > high + reach:
            raise InputError(
                f"{self.name} returns values from {least:.4g} to {largest:.4g}, outside [{low:g}, {high:g}], which "
                f"output_range {output_range} stands for; name its range"
            )
        symmetric = images if output_range == "symmetric" else images * 2.0 - 1.0
        return tensor_to_pixels(symmetric).contiguous().numpy()


def _to_plain_tensor(images: Any) -> Any:
    """Return a tensor's values on the CPU, dense and, where it has fewer bits, in float32; anything else as it is."""
    if not isinstance(images, Tensor):
        return images
    images = images.detach().cpu()
    images = images if images.layout == torch.strided else images.to_dense()
    return images.float() if images.is_floating_point() and images.element_size() < 4 else images


def _read(path: Path, name: str) -> bytes:
    if not path.exists():
        raise InputError(f"{name}: there is no such file")
    check_regular_file(path)
    return path.read_bytes()


def _load(content: bytes, kind: str, name: str, input_count: int, seed: int) -> Network:
    if kind == ONNX:
        return _load_onnx(content, name, input_count, seed)
    if kind == TORCH_EXPORT:
        return load_torch_export(content, name)
    return _load_torchscript(content, name)


def _load_torchscript(content: bytes, name: str) -> Network:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            codes = [archive.read(member) for member in archive.namelist() if "/code/" in member]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{name} is damaged ({error}); save it again") from None
    if any(map(FILE_OPERATOR.search, codes)):
        raise InputError(f"{name} holds code that reads or writes files; it is not loaded")
    try:
        with warnings.catch_warnings(action="ignore"):
            network = torch.jit.load(io.BytesIO(content), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{name} cannot be loaded by torch {torch.__version__} ({_summarise(error)})"
        ) from None
    return network.eval()  # type: ignore[no-any-return]


def _load_onnx(content: bytes, name: str, input_count: int, seed: int) -> Network:
    """Load an ONNX file from memory, so that it can use neither weights in other files nor custom operators.

    `seed` is that of noise that the network itself adds, which goes on from call to call.
    """
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"{name} is an ONNX file, which {NO_RUNTIME}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    onnxruntime.set_seed(derive_seed(seed, "own noise"))
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors have no other common class.
    except Exception as error:
        raise InputError(f"{name} cannot be loaded by onnxruntime ({_summarise(error)})") from None
    inputs = [one.name for one in session.get_inputs()]
    if len(inputs) != input_count:
        expected = "one, the noise, as class_count is not given"
        if input_count == 2:
            expected = "two, the noise and the labels, as class_count is given"
        raise InputError(f"{name} has the inputs {', '.join(inputs)}; expected {expected}")
    outputs = [one.name for one in session.get_outputs()]
    if len(outputs) != 1:
        raise InputError(f"{name} has the outputs {', '.join(outputs)}; expected one, the images")

    def run(*parts: Tensor) -> Tensor:
        arrays = {key: part.numpy() for key, part in zip(inputs, parts, strict=True)}
        return torch.from_numpy(session.run(None, arrays)[0])

    return run


def _summarise(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # TorchScript's errors begin with a traceback of the file's own code; onnxruntime's go over several lines.
    text = " ".join(lines) if lines[0].startswith("[ONNXRuntimeError]") else lines[-1]
    return text[:200]
