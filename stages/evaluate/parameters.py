"""Load the parameters of scores from params.yaml or the default preset, a published protocol, and options."""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stages.common.compute import ComputeParams
from stages.common.errors import InputError
from stages.common.params import (
    PARAMS_FILE,
    ParamsError,
    find_faults,
    load_section,
    read_params,
    suggest_name,
)
from stages.scores.params import ScoresParams

# The presets are found beside the code, so that the command works in any folder.
PRESETS = Path(__file__).parents[2] / "presets"
DEFAULTS = PRESETS / "default.yaml"


def make_compute(device: str, threads: int) -> ComputeParams:
    """Make the params of the section `compute` from options.

    Raises:
        ParamsError: an option is wrong.
    """
    make = partial(ComputeParams.model_validate, {"device": device, "threads": threads, "images": "auto"})
    faults = find_faults(make, "options")
    if faults:
        raise ParamsError(faults, Path("the command line"))
    return make()


def list_protocols() -> list[str]:
    """List the names of the published protocols."""
    return sorted(path.stem for path in (PRESETS / "protocol").glob("*.yaml"))


def read_published_protocol(name: str | None) -> dict[str, Any]:
    """Read the sections `scores`, `reference` and `sample` of a published protocol; no sections for None.

    Raises:
        InputError: there is no such protocol.
    """
    if name is None:
        return {}
    known = list_protocols()
    if name not in known:
        raise InputError(
            f"--protocol {name} is unknown{suggest_name(name, known)}; there is {', '.join(known)}"
        )
    return dict(read_params(PRESETS / "protocol" / f"{name}.yaml"))


def load_params(protocol_scores: Mapping[str, Any], overrides: Mapping[str, Any]) -> tuple[ScoresParams, str]:
    """Load the section `scores` of params.yaml or of the default preset, and return it with the file's name.

    The protocol overrides the file, and options override the protocol.

    Raises:
        ParamsError: the file or an option is wrong.
    """
    file = PARAMS_FILE if os.path.lexists(PARAMS_FILE) else DEFAULTS
    given = {name: value for name, value in overrides.items() if value is not None}
    if "seed" in given:
        given["shuffle_seed"] = given.pop("seed")
    section = read_params(file).get("scores")
    if section is None or isinstance(section, dict):
        section = (section or {}) | dict(protocol_scores) | given
    return load_section(ScoresParams, "scores", content={"scores": section}), str(file)
