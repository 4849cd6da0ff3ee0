"""Convert a trained generator to files that other programs run: ONNX, and a program of torch.export."""

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stages.common.errors import InputError
from stages.networks.generator import Generator

ONNX_FILE, TORCH_EXPORT_FILE = "generator.onnx", "generator.pt2"
FILES = {"onnx": ONNX_FILE, "torch_export": TORCH_EXPORT_FILE}
NEEDS = "pip install -c constraints.txt -r requirements-export.txt"
# Images are compared on so many noise vectors; another number than the one that the conversion traced.
COMPARED_COUNT = 50
TRACED_COUNT = 4
# Of outputs in [-1, 1]: a tenth of the distance between two pixel values is 8e-4.
LARGEST_DIFFERENCE = 8e-4

Inputs = tuple[Tensor, ...]


def check_packages(formats: list[str]) -> None:
    """Refuse formats whose packages are not installed, before anything is loaded.

    Raises:
        InputError: a package is missing; the error has the command that installs it.
    """
    if "onnx" not in formats:
        return
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"--format onnx needs {error.name}: `{NEEDS}`; or use --format torch_export"
        ) from None


def convert(generator: Generator, file_format: str, inputs: Inputs) -> bytes:
    """Convert a generator to the content of a file.

    Args:
        generator: the generator in evaluation mode, on the CPU.
        file_format: `onnx` or `torch_export`.
        inputs: some noise, float32 [N, Z], and of a conditional generator labels, int64 [N]; N may be any number later.
    """
    traced = tuple(part[:TRACED_COUNT] for part in inputs)
    count = torch.export.Dim("n", min=1, max=1_000_000)
    shapes = tuple({0: count} for _ in traced)
    # The converters report their progress, and what of torch they will no longer support.
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), _quiet():
        if file_format == "onnx":
            return _convert_to_onnx(generator, traced, shapes)
        program = torch.export.export(generator, traced, dynamic_shapes=shapes)
        file = io.BytesIO()
        torch.export.save(program, file)
        return file.getvalue()


def _convert_to_onnx(generator: Generator, traced: Inputs, shapes: tuple[dict[int, Any], ...]) -> bytes:
    program = torch.onnx.export(
        generator,
        traced,
        dynamo=True,
        dynamic_shapes=shapes,
        input_names=["z", "labels"][: len(traced)],
        output_names=["images"],
        verbose=False,
    )
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ONNX_FILE
        program.save(path, external_data=False)
        return path.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """Have torch's converters log errors alone."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def compute_outputs(generator: nn.Module, inputs: Inputs, device: torch.device) -> Tensor:
    """Compute the generator's output on a device: float32 [N, C, H, W] in [-1, 1], on the CPU."""
    with torch.no_grad():
        images: Tensor = generator.to(device)(*(part.to(device) for part in inputs)).cpu()
    return images


def measure_difference(expected: Tensor, file_format: str, content: bytes, inputs: Inputs) -> float:
    """Run what was converted on the same inputs as the generator, and return the maximum absolute difference.

    ONNX is run by onnxruntime. Both are run on the CPU.

    Args:
        expected: the generator's output.
        file_format: `onnx` or `torch_export`.
        content: the content of the file.
        inputs: the inputs of the generator.

    Raises:
        InputError: it differs by more than LARGEST_DIFFERENCE.
    """
    run = _open_onnx(content) if file_format == "onnx" else torch.export.load(io.BytesIO(content)).module()
    with torch.no_grad():
        difference = float((run(*inputs) - expected).abs().max())
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"what was exported as {file_format} differs from the snapshot by {difference:.3g} of outputs in [-1, 1]; "
            f"allowed is {LARGEST_DIFFERENCE:g}, so nothing was written; report this with the GAN and the versions"
        )
    return difference


def _open_onnx(content: bytes) -> Callable[..., Tensor]:
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load_from_string(content))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def run(*inputs: Tensor) -> Tensor:
        arrays = {name: part.numpy() for name, part in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, arrays)[0])

    return run
