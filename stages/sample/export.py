"""Convert a trained generator to files that other programs can run: ONNX and torch.export."""

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
# The number of noise vectors for comparing images; the conversion traces another number.
COMPARED_COUNT = 50
TRACED_COUNT = 4
# The largest difference of outputs in [-1, 1]; it is a tenth of the distance between two pixel values.
LARGEST_DIFFERENCE = 8e-4

Inputs = tuple[Tensor, ...]


def check_packages(formats: list[str]) -> None:
    """Refuse formats whose packages are not installed, before anything is loaded.

    Raises:
        InputError: a package is missing; the error names the command that installs it.
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
        inputs: noise, float32 [N, Z], and for a conditional generator labels, int64 [N]; the file accepts any N.
    """
    traced = tuple(part[:TRACED_COUNT] for part in inputs)
    count = torch.export.Dim("n", min=1, max=1_000_000)
    shapes = tuple({0: count} for _ in traced)
    # This silences the converters' progress and deprecation warnings.
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
    """Make torch's converters log only errors."""
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
    """Run a converted file on the generator's inputs, and return the maximum absolute difference of the outputs.

    onnxruntime runs ONNX. Files of both formats run on the CPU.

    Args:
        expected: the generator's output.
        file_format: `onnx` or `torch_export`.
        content: the content of the file.
        inputs: the inputs of the generator.

    Raises:
        InputError: the difference is larger than LARGEST_DIFFERENCE.
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
