"""A trained generator as an MLflow model. MLflow saves this file with the model and runs it where the model is loaded.

It imports nothing of this repository except packages of stages/ that are saved with the model.
"""

import base64
import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray
from PIL import Image

LARGEST_INDEX = 1_000_000
# A call with more pixel values is refused, because writing them as JSON takes about a hundred bytes of memory for each.
MOST_VALUES = 10_000_000


class RequestError(MlflowException, ValueError):
    """A request that the model refuses. MLflow's server answers with status 400 and the message."""

    def __init__(self, message: str) -> None:
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class GeneratorModel(PythonModel):
    """Draws image `index` of a `seed`, as the stage `sample` does; a conditional generator also takes a `label`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the generator on the CPU from its config and its weights."""
        # These imports are not at the top, because MLflow also runs this file when it saves the model, without torch.
        from safetensors.torch import load

        from stages.networks.architectures import build_generator
        from stages.networks.params import NetworksParams

        self.config = json.loads(Path(context.artifacts["config"]).read_text(encoding="utf-8"))
        networks = NetworksParams.model_validate(self.config["networks"])
        class_names = self.config.get("class_names")
        self.class_count = None if class_names is None else len(class_names)
        generator = build_generator(tuple(self.config["image_shape"]), networks, self.class_count)
        generator.load_state_dict(load(read_weights(context, self.config["weights_sha256"])))
        self.generator = generator.eval()

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> NDArray[np.uint8] | list[str]:
        """Draw images.

        Args:
            context: unused.
            model_input: a table with the column `index`, integers from 0 to 1,000,000. The images may have 10 million
                pixel values in total at most. For a conditional GAN there may be a column `label`, integers from 0 to
                the number of classes minus 1; without it, image i has the label that the stage `sample` gives it, i
                modulo the number of classes.
            params: `seed`, the seed of z (default: the training's seed); `png`, whether to return PNG files (default:
                no).

        Returns:
            uint8 [N, H, W, C]; with `png` a list of N PNG files in base64.

        Raises:
            RequestError: an index or a label is out of range or not an integer, or there are too many images.
        """
        import torch

        from stages.generators.noise import sample_z_of
        from stages.sample.generation import generate_images

        params = params or {}
        most = max(1, MOST_VALUES // math.prod(self.config["image_shape"]))
        if len(model_input) > most:
            raise RequestError(f"{len(model_input)} images: a call draws {most} at most; split it")
        indices = _read_column("index", model_input, LARGEST_INDEX)
        labels = self._choose_labels(indices, model_input)
        z = sample_z_of(indices, self.generator.z_dimension, int(params.get("seed", self.config["seed"])))
        labels_tensor = None if labels is None else torch.tensor(labels, dtype=torch.int64)
        images = generate_images(self.generator, z, torch.device("cpu"), labels_tensor)
        images = images.transpose(0, 2, 3, 1)
        return [_encode_png(image) for image in images] if params.get("png") else images

    def _choose_labels(self, indices: list[int], model_input: pd.DataFrame) -> list[int] | None:
        """Return the requested labels, or those of the stage `sample`; None for an unconditional generator."""
        if "label" in model_input and self.class_count is None:
            raise RequestError("label: this generator draws no images of a class; leave the labels out")
        if self.class_count is None:
            return None
        if "label" not in model_input:
            return [index % self.class_count for index in indices]
        return _read_column("label", model_input, self.class_count - 1)


def read_weights(context: PythonModelContext, sha256: str) -> bytes:
    """Read the weights, and check their SHA-256.

    Raises:
        RequestError: the weights differ from those that the model was saved with.
    """
    content = Path(context.artifacts["weights"]).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RequestError(
            f"the model's weights have the sha256 {found}, but were saved with {sha256}: they are damaged or replaced"
        )
    return content


def _read_column(name: str, model_input: pd.DataFrame, largest: int) -> list[int]:
    """Read a column of whole numbers from 0 to `largest`."""
    values = model_input[name].tolist()
    for value in values:
        # A bool is an int to Python.
        if type(value) is not int or not 0 <= value <= largest:
            raise RequestError(f"{name} = {value!r:.50}: a whole number from 0 to {largest} is allowed")
    return values


def _encode_png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


set_model(GeneratorModel())
