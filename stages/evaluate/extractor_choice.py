"""Load the extractor that the command line names: a folder of the pipeline's, or Inception from its published file."""

import argparse
import tempfile
from pathlib import Path

import torch

from stages.scores.card import read_card, write_card
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.published_weights import SHA256, describe_inception, write_weights

INCEPTION = "inception"


def choose_extractor(arguments: argparse.Namespace, device: torch.device) -> Extractor:
    """Load the extractor that the options name.

    Raises:
        ValueError: there is none, or its weights are not the published ones.
    """
    folder = Path(arguments.extractor).expanduser()
    if arguments.extractor != INCEPTION:
        if arguments.weights is not None:
            raise ValueError("--weights goes with --extractor inception; a folder has its own")
        if not folder.is_dir():
            raise ValueError(
                f"--extractor {arguments.extractor} is unknown: neither a folder, as `dvc repro extractor` makes it, "
                f"nor {INCEPTION}, which needs --weights"
            )
        return _load_folder(folder, arguments.precision, device)
    if arguments.weights is None:
        raise ValueError("--extractor inception needs --weights FILE: the published .pth file, or a folder")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_weights(arguments.weights.expanduser(), SHA256, "--weights", folder)
        write_card(describe_inception(arguments.precision or "float32", SHA256), folder)
        return load_extractor(device, folder)


def _load_folder(folder: Path, precision: str | None, device: torch.device) -> Extractor:
    card = read_card(folder)
    if precision in (None, card.precision):
        return load_extractor(device, folder)
    if card.name != INCEPTION:
        raise ValueError(f"--precision {precision}: the {card.name} computes in {card.precision} only")
    return load_extractor(device, folder, card.model_copy(update={"precision": precision}))
