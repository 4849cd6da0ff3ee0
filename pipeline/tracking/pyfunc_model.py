"""A trained generator as an MLflow model. MLflow saves this file with the model and runs it where the model is loaded.

It imports nothing of this repository but packages of stages/ that are saved with it.
"""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray
from PIL import Image

LARGEST_INDEX = 1_000_000


class GeneratorModel(PythonModel):
    """Draws image `index` of a `seed`, as the stage `sample` does; a conditional generator also takes a `label`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the generator on the CPU from its config and its weights."""
        # These imports are not at the top, because this file also runs where the model is saved, without torch.
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
            model_input: a table with the column `index`, integers from 0 to 1,000,000. For a conditional GAN there may
                be a column `label`, integers from 0 to the number of classes less one; without it, image i has the
                label that the stage `sample` gives it, i modulo the number of classes.
            params: `seed`, of z (default: the training's seed); `png`, whether to return PNG files (default: no).

        Returns:
            uint8 [N, H, W, C]; with `png` a list of N PNG files in base64.

        Raises:
            ValueError: an index or a label is out of range.
        """
        import torch

        from stages.sample.generation import generate_images, sample_fixed_z

        params = params or {}
        indices = [int(index) for index in model_input["index"]]
        _check_range("index", indices, LARGEST_INDEX)
        labels = self._choose_labels(indices, model_input)
        seed = int(params.get("seed", self.config["seed"]))
        z = sample_fixed_z(max(indices, default=-1) + 1, self.generator.z_dimension, seed)
        labels_tensor = None if labels is None else torch.tensor(labels, dtype=torch.int64)
        images = generate_images(self.generator, z[indices], torch.device("cpu"), labels_tensor)
        images = images.transpose(0, 2, 3, 1)
        return [_encode_png(image) for image in images] if params.get("png") else images

    def _choose_labels(self, indices: list[int], model_input: pd.DataFrame) -> list[int] | None:
        """Return the requested labels, else those of the stage `sample`; an unconditional generator has none."""
        if self.class_count is None:
            return None
        if "label" not in model_input:
            return [index % self.class_count for index in indices]
        labels = [int(label) for label in model_input["label"]]
        _check_range("label", labels, self.class_count - 1)
        return labels


def read_weights(context: PythonModelContext, sha256: str) -> bytes:
    """Read the weights.

    Raises:
        ValueError: they are not those that the model was saved with.
    """
    content = Path(context.artifacts["weights"]).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"the model's weights have the sha256 {found}, but were saved with {sha256}: they are damaged or others"
        )
    return content


def _check_range(name: str, values: list[int], largest: int) -> None:
    wrong = [value for value in values if not 0 <= value <= largest]
    if wrong:
        raise ValueError(f"{name} = {wrong[0]}: a whole number from 0 to {largest} is allowed")


def _encode_png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


set_model(GeneratorModel())
