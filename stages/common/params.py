"""Read params.yaml into typed, strict models; every package owns the model of its own section.

PyYAML reads `1e-4` as a string and DVC reads it as a number. A value of the wrong type is therefore refused by
name and never converted.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

PARAMS_FILE = Path("params.yaml")


class ParamsError(ValueError):
    """All faults of params.yaml, one line each."""

    def __init__(self, faults: list[str], path: Path = PARAMS_FILE) -> None:
        self.faults = faults
        count = f"{len(faults)} fault" + ("s" if len(faults) != 1 else "")
        super().__init__(f"{path} has {count}:\n" + "\n".join(f"  - {fault}" for fault in faults))


class Params(BaseModel):
    """Base of every params model: it converts no types, cannot be changed, and refuses unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=Params)


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Read the whole of params.yaml, untyped.

    Raises:
        ParamsError: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            [f"the file is missing in {Path.cwd()}; run from the repository's root"], path
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError([f"it is not valid YAML: {error}"], path) from None
    if not isinstance(content, dict):
        raise ParamsError([f"it must hold a mapping, but holds a {type(content).__name__}"], path)
    return content


def find_faults(make: Callable[[], object], where: str) -> list[str]:
    """Call `make` and return the faults that its params models found, one line each.

    Args:
        make: builds one or more params models.
        where: dotted key of the section, put before the name of each faulty key.

    Returns:
        The faults; an empty list where there are none.
    """
    try:
        make()
    except ValidationError as error:
        return [_format_fault(fault, where) for fault in error.errors(include_url=False)]
    except ParamsError as error:
        return error.faults
    return []


def load_section(model: type[Model], *keys: str, content: Mapping[str, Any] | None = None) -> Model:
    """Build `model` from the section of params.yaml at `keys`, such as `("settings", "A")`.

    Raises:
        ParamsError: the section is missing, or any of its keys is unknown, missing, of the wrong type or
            out of range; all faults at once.
    """
    section: Any = read_params() if content is None else content
    where = ".".join(keys)
    for depth, key in enumerate(keys):
        if not isinstance(section, Mapping) or key not in section:
            allowed = ", ".join(map(str, section)) if isinstance(section, Mapping) else "nothing"
            raise ParamsError([f"{'.'.join(keys[: depth + 1])} is missing; there is {allowed}"])
        section = section[key]
    try:
        return model.model_validate(section)
    except ValidationError as error:
        raise ParamsError(
            [_format_fault(fault, where) for fault in error.errors(include_url=False)]
        ) from None


def _format_fault(fault: Mapping[str, Any], where: str) -> str:
    """Format one pydantic error as a line with key, value and allowed values."""
    key = ".".join([where, *map(str, fault["loc"])]) if where else ".".join(map(str, fault["loc"]))
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{key} is missing; add it"
    if fault["type"] == "extra_forbidden":
        return f"{key} is unknown: a misspelling, or a key of another section; remove it"
    if fault["type"] == "value_error":
        return f"{key}: {message}"
    hint = ""
    if fault["type"] in ("float_type", "int_type") and isinstance(fault["input"], str):
        hint = "; YAML needs a decimal point and no quotes, as in 1.0e-4 or 0.0001"
    return f"{key} = {fault['input']!r}: {message[0].lower()}{message[1:]}{hint}"
