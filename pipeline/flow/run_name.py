"""Name a flow's run: by the name that a person gave it, or else by its preset and commit."""

from collections.abc import Iterator, Mapping
from typing import Any

from coolname.data import config
from prefect.runtime import flow_run

from pipeline.preset import find_preset
from pipeline.tracking.commit import COMMIT, describe_commit
from stages.common.errors import InputError
from stages.common.params import PARAMS_FILE

SHORT_COMMIT = 7
CUSTOM = "custom"


def name_run() -> str:
    """Return the given name of the current flow run, or `compare-<preset>-<commit>` if Prefect generated its name.

    Without a Git commit the last part is left out. The preset is `custom` if params.yaml equals no preset.
    """
    given = flow_run.get_name()
    if given and not is_generated(given):
        return str(given)
    preset = flow_run.get_parameters().get("preset") or _find_present_preset()
    return "-".join(filter(None, ["compare", preset, describe_commit().get(COMMIT, "")[:SHORT_COMMIT]]))


def is_generated(name: str) -> bool:
    """Tell whether Prefect generated a name from its lists of words, such as `solid-otter`."""
    return len(name.split("-")) >= 2 and set(name.split("-")) <= set(_list_words())


def _list_words() -> Iterator[str]:
    lists: Mapping[str, Any] = config
    for entry in lists.values():
        for word in entry.get("words", ()):
            yield from word.split("-")


def _find_present_preset() -> str:
    text = PARAMS_FILE.read_bytes().decode("utf-8", errors="replace") if PARAMS_FILE.exists() else ""
    try:
        return find_preset(text) or CUSTOM
    except InputError:
        # The preset's file is damaged. This matters only to a run that asks for the preset, and that run reports it.
        return CUSTOM
