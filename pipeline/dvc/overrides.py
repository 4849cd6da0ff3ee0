"""Apply overrides to params.yaml in the form of `dvc exp run -S`."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stages.common.artifacts import write_bytes
from stages.common.errors import InputError
from stages.common.params import PARAMS_FILE, read_params, suggest_name
from stages.common.yaml_reader import shorten

PREFIX = f"{PARAMS_FILE}:"
# Hydra's parser takes half a minute for a list of 20,000 numbers.
LONGEST = 4096
# An override that changes a key; with + it adds one, and with ~ it removes one.
CHANGED_KEY = re.compile(r"([^=+~@\s]+)=")
# Hydra's own messages end with a link to the whole grammar.
LINK = re.compile(r" See https://\S+ for details")
MOST_SUGGESTED = 3
FORMS = "a list is written [0,1], and a text with commas, brackets or colons 'in quotes'"


def override_params(overrides: list[str]) -> None:
    """Apply overrides to params.yaml as DVC does; comments are kept.

    Raises:
        InputError: an override is not in Hydra's grammar, is too long, or names an unknown key.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides
    from omegaconf.errors import OmegaConfBaseException
    from ruamel.yaml.error import YAMLError

    for override in overrides:
        if len(override) > LONGEST:
            raise InputError(
                f"override {shorten(override)} has {len(override)} characters; allowed are {LONGEST}; write longer "
                f"values into {PARAMS_FILE}"
            )
    _check_keys([override.removeprefix(PREFIX) for override in overrides])
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / PARAMS_FILE.name
        shutil.copyfile(PARAMS_FILE, copy)
        try:
            apply_overrides(copy, [override.removeprefix(PREFIX) for override in overrides])
        except (DvcException, OmegaConfBaseException, YAMLError, RecursionError) as error:
            reason = shorten(LINK.sub("", " ".join(str(error.__cause__ or error).split())), 200)
            raise InputError(
                f"overrides {shorten(str(overrides))} do not fit {PARAMS_FILE}: {reason}; {FORMS}"
            ) from None
        write_bytes(PARAMS_FILE, copy.read_bytes())


def _check_keys(overrides: list[str]) -> None:
    """Refuse unknown keys before Hydra does, which advises to add them."""
    known = list(_list_keys(read_params()))
    for override in overrides:
        found = CHANGED_KEY.match(override)
        if found and found[1] not in known:
            raise InputError(
                f"override {shorten(override)}: {shorten(found[1])} is no key of {PARAMS_FILE}"
                f"{_suggest_key(found[1], known)}; `+` before it adds options of a GAN, a setting or an entry"
            )


def _suggest_key(name: str, known: list[str]) -> str:
    """Suggest the most similar key, or those of other sections that have the same last part."""
    last = name.rpartition(".")[2]
    same = [key for key in known if key.rpartition(".")[2] == last][:MOST_SUGGESTED]
    return suggest_name(name, known) or (f" (did you mean {' or '.join(same)}?)" if same else "")


def _list_keys(content: object, before: str = "") -> Iterator[str]:
    """List the dotted names of all sections, keys and places of lists."""
    pairs = content.items() if isinstance(content, dict) else ()
    for key, value in enumerate(content) if isinstance(content, list) else pairs:
        yield f"{before}{key}"
        yield from _list_keys(value, f"{before}{key}.")
