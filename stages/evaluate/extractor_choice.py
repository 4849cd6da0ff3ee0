"""Load the extractor that the command line names: one that the pipeline made, or a published network from its file."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stages.common.errors import InputError
from stages.common.file_tree import expand_user
from stages.common.params import PARAMS_FILE, ParamsError, find_faults, read_params, suggest_name
from stages.evaluate.parameters import DEFAULTS
from stages.scores.card import read_card, write_card
from stages.scores.extractor import Extractor, load_extractor
from stages.scores.extractor_zoo import list_extractors, list_published_extractors, load_extractor_module
from stages.scores.inception import Precision


@dataclass(frozen=True)
class ExtractorChoice:
    """The options that name an extractor.

    Attributes:
        extractor: a folder that the stage `extractor` made, or the name of an extractor with published weights.
        weights: the file of the published weights; None uses the `weights_path` of the extractor's section.
        precision: the precision of Inception's convolutions; None uses that of the folder's card, or of the section.
        sha256: the SHA-256 that the file of weights must have; None checks only against a checksum known here.
        options: values that replace those of the extractor's section of params.yaml.
    """

    extractor: str
    weights: Path | None = None
    precision: Precision | None = None
    sha256: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def load_chosen_extractor(choice: ExtractorChoice, device: torch.device) -> Extractor:
    """Load the extractor that the options name.

    Raises:
        InputError: there is no such extractor, or its weights are not those of the network that the options describe.
        ParamsError: an option of the extractor is wrong.
    """
    published = list_published_extractors()
    if choice.extractor in published:
        return _load_published(choice, device)
    given = {
        "--weights": choice.weights,
        "--weights-sha256": choice.sha256,
        "--extractor-options": choice.options,
    }
    for option, value in given.items():
        if value:
            raise InputError(
                f"{option} goes with --extractor {', '.join(published)}; a folder has its own weights"
            )
    folder = expand_user(choice.extractor)
    if not folder.is_dir():
        raise InputError(_explain_unknown(choice.extractor, published))
    return _load_folder(folder, choice.precision, device)


def _explain_unknown(name: str, published: list[str]) -> str:
    if name in list_extractors():
        return (
            f"--extractor {name} is made of prepared images, and there is no such folder; name the folder that `dvc "
            f"repro extractor` made, or one of {', '.join(published)}, with --weights"
        )
    return (
        f"--extractor {name} is unknown{suggest_name(name, published)}: neither a folder, as `dvc repro extractor` "
        f"makes it, nor one of {', '.join(published)}, with --weights"
    )


def _load_published(choice: ExtractorChoice, device: torch.device) -> Extractor:
    name = choice.extractor
    module = load_extractor_module(name)
    options = _read_options(choice, module.Options)
    if options.weights_path is None:
        raise InputError(
            f"--extractor {name} needs --weights FILE, the published file that docs/scores.md names; this command "
            "downloads nothing"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            card = module.make(options, device, folder)
        except InputError as error:
            # These messages name keys of params.yaml, but here the user gave options.
            text = str(error).replace(f"extractor.{name}.weights_path", "--weights")
            raise InputError(text.replace(f"extractor.{name}.sha256", "--weights-sha256")) from None
        write_card(card, folder)
        return load_extractor(device, folder)


def _read_options(choice: ExtractorChoice, model: Any) -> Any:
    """Read the extractor's section of params.yaml, or else of the default preset, and replace values by the options."""
    name, fields = choice.extractor, model.model_fields
    file = PARAMS_FILE if os.path.lexists(PARAMS_FILE) else DEFAULTS
    section = (read_params(file).get("extractor") or {}).get(name)
    if section is None:
        file, section = DEFAULTS, read_params(DEFAULTS)["extractor"][name]
    section = {**section, **choice.options}
    if choice.sha256 is not None and "sha256" not in fields:
        raise InputError(
            f"--weights-sha256: the checksum of {name}'s weights is known and always compared; leave it out"
        )
    if choice.weights is not None:
        section["weights_path"] = str(choice.weights)
        section |= {"sha256": choice.sha256} if "sha256" in fields else {}
    elif choice.sha256 is not None:
        section["sha256"] = choice.sha256
    if choice.precision is not None:
        if "precision" not in fields:
            raise InputError(f"--precision {choice.precision}: the {name} computes in float32 only")
        section["precision"] = choice.precision
    make = partial(model.model_validate, section)
    faults = find_faults(make, f"extractor.{name}")
    if faults:
        raise ParamsError(faults, Path(f"{file} with --extractor-options" if choice.options else file))
    return make()


def _load_folder(folder: Path, precision: Precision | None, device: torch.device) -> Extractor:
    card = read_card(folder)
    if precision in (None, card.precision):
        return load_extractor(device, folder)
    if card.name != "inception":
        raise InputError(f"--precision {precision}: the {card.name} computes in {card.precision} only")
    return load_extractor(device, folder, card.model_copy(update={"precision": precision}))
