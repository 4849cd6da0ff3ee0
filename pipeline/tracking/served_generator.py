"""A trained generator as an MLflow model; MLflow keeps this file with it and runs it wherever the model is loaded.

It answers where this repository is not: the packages of stages/ that it imports travel with it.
"""

import base64
import io
import json
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray
from PIL import Image

LARGEST_INDEX = 1_000_000


class ServedGenerator(PythonModel):
    """Draws image `index` of a `seed`, the same one that the stage `sample` draws; or that noise as another class."""

    def load_context(self, context: PythonModelContext) -> None:
        """Build the generator on the CPU from its weights and facts."""
        # Here and not at the top: whoever saves the model runs this file too, and need not load torch for it.
        from safetensors.torch import load_file

        from stages.networks.architectures import build_generator
        from stages.networks.params import NetworksParams

        with open(context.artifacts["facts"], encoding="utf-8") as file:  # noqa: PTH123  a plain name
            self.facts = json.load(file)
        networks = NetworksParams.model_validate(self.facts["networks"])
        names = self.facts.get("class_names")
        self.class_count = None if names is None else len(names)
        generator = build_generator(tuple(self.facts["image_shape"]), networks, self.class_count)
        generator.load_state_dict(load_file(context.artifacts["weights"]))
        self.generator = generator.eval()

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> NDArray[np.uint8] | list[str]:
        """Draw images.

        Args:
            context: of MLflow; not needed any more.
            model_input: a table with the column `index`, whole numbers from 0 to 1,000,000; for a conditional GAN
                also, if wanted, `label`, whole numbers from 0, without which image i has the label that the stage
                `sample` gives it, i modulo the classes.
            params: `seed`, of the noise, by default the training's own; `png`, whether to answer with PNG files.

        Returns:
            uint8 [N, H, W, C]; or with `png` a list of N files in base64.

        Raises:
            ValueError: an index or a label is out of range.
        """
        import torch

        from stages.sample.generation import generate_images, sample_fixed_z

        params = params or {}
        indices = [int(index) for index in model_input["index"]]
        _refuse_outside("index", indices, LARGEST_INDEX)
        labels = self._choose_labels(indices, model_input)
        seed = int(params.get("seed", self.facts["seed"]))
        z = sample_fixed_z(max(indices, default=-1) + 1, self.generator.z_dimension, seed)
        known = None if labels is None else torch.tensor(labels, dtype=torch.int64)
        images = generate_images(self.generator, z[indices], torch.device("cpu"), known).transpose(0, 2, 3, 1)
        return [_to_png(image) for image in images] if params.get("png") else images

    def _choose_labels(self, indices: list[int], model_input: pd.DataFrame) -> list[int] | None:
        """Take the labels asked for; where there are none, those of the stage `sample`."""
        if self.class_count is None:
            return None
        if "label" not in model_input:
            return [index % self.class_count for index in indices]
        labels = [int(label) for label in model_input["label"]]
        _refuse_outside("label", labels, self.class_count - 1)
        return labels


def _refuse_outside(name: str, values: list[int], largest: int) -> None:
    wrong = [value for value in values if not 0 <= value <= largest]
    if wrong:
        raise ValueError(f"{name} = {wrong[0]}: a whole number from 0 to {largest} is allowed")


def _to_png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


set_model(ServedGenerator())
