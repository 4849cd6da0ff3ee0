"""Load the extractor that the command line names: a folder of the pipeline, or Inception from its published file."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from stages.common.errors import InputError
from stages.scores.card import read_card, write_card
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.inception import Precision
from stages.scores.published_weights import SHA256, describe_inception, write_weights

INCEPTION = "inception"


@dataclass(frozen=True)
class ExtractorChoice:
    """The options that name an extractor.

    Attributes:
        extractor: a folder that the stage `extractor` made, or `inception`.
        weights: the published Inception weights; only for `inception`.
        precision: of Inception's convolutions; None uses that of the folder's card, else float32.
    """

    extractor: str
    weights: Path | None
    precision: Precision | None


def load_chosen_extractor(choice: ExtractorChoice, device: torch.device) -> Extractor:
    """Load the extractor that the options name.

    Raises:
        InputError: there is no such extractor, or its weights are not the published ones.
    """
    if choice.extractor == INCEPTION:
        return _load_published(choice.weights, choice.precision or "float32", device)
    if choice.weights is not None:
        raise InputError("--weights goes with --extractor inception; a folder has its own weights")
    folder = Path(choice.extractor).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"--extractor {choice.extractor} is unknown: neither a folder, as `dvc repro extractor` makes it, nor "
            f"{INCEPTION}, which needs --weights"
        )
    return _load_folder(folder, choice.precision, device)


def _load_published(weights: Path | None, precision: Precision, device: torch.device) -> Extractor:
    if weights is None:
        raise InputError(
            "--extractor inception needs --weights FILE, the published .pth file; otherwise name a folder"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file_sha256 = write_weights(weights.expanduser(), SHA256, "--weights", folder)
        write_card(describe_inception(precision, SHA256, file_sha256), folder)
        return load_extractor(device, folder)


def _load_folder(folder: Path, precision: Precision | None, device: torch.device) -> Extractor:
    card = read_card(folder)
    if precision in (None, card.precision):
        return load_extractor(device, folder)
    if card.name != INCEPTION:
        raise InputError(f"--precision {precision}: the {card.name} computes in {card.precision} only")
    return load_extractor(device, folder, card.model_copy(update={"precision": precision}))
