"""Write the chosen params as the preset `own`, and switch params.yaml to it; a params.yaml edited by hand is kept."""

import io
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.preset import PRESETS, find_preset, switch_preset
from stages.common.artifacts import write_bytes
from stages.common.params import PARAMS_FILE

OWN = "own"
HEADER = """# Chosen by `make own` for the images in prepare.path. The next `make own` overwrites it: change
# params.yaml instead.
"""


def write_own_preset(params: dict[str, Any]) -> Path | None:
    """Write presets/own.yaml, and switch params.yaml to it.

    Args:
        params: the sections and keys of params.yaml that differ from the default preset.

    Returns:
        The path of the copy of a params.yaml that was edited by hand; None if params.yaml equalled a preset.
    """
    kept = _keep_edited() if PARAMS_FILE.exists() else None
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 200
    yaml.dump(params, text)
    write_bytes(PRESETS / f"{OWN}.yaml", (HEADER + text.getvalue()).encode())
    switch_preset(OWN, force=True)
    return kept


def _keep_edited() -> Path | None:
    """Copy params.yaml to a new file name if it differs from every preset."""
    if find_preset(PARAMS_FILE.read_text(encoding="utf-8", errors="replace")) is not None:
        return None
    number = 1
    while (kept := PARAMS_FILE.with_name(f"params.before-own-{number}.yaml")).exists():
        number += 1
    shutil.copyfile(PARAMS_FILE, kept)
    return kept
