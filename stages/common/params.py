"""Read params.yaml into typed, strict models; every package owns the model of its own section.

A value of the wrong type is refused by name and never converted.
"""

import difflib
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.common.errors import InputError
from stages.common.file_tree import show_path
from stages.common.yaml_reader import YamlError, parse_yaml, shorten

PARAMS_FILE = Path("params.yaml")
# The largest preset is a tenth of this size.
LARGEST_BYTES = 128 * 1024
# The upper bound of numbers of steps or images that have no other bound.
LARGEST_COUNT = 1_000_000_000
SHOWN_FAULTS = 20
LONGEST_FAULT = 400
# The least similarity, from 0 to 1, of an unknown name to a name that is suggested instead.
LEAST_SIMILARITY = 0.75


class ParamsError(InputError):
    """An error with all faults of params.yaml, one line each; the message has the first twenty.

    Attributes:
        faults: all faults.
    """

    def __init__(self, faults: list[str], path: Path = PARAMS_FILE) -> None:
        self.faults = faults
        count = f"{len(faults)} fault" + ("s" if len(faults) != 1 else "")
        shown = [f"  - {shorten(fault, LONGEST_FAULT)}" for fault in faults[:SHOWN_FAULTS]]
        if len(faults) > SHOWN_FAULTS:
            shown.append(f"  and {len(faults) - SHOWN_FAULTS} more")
        super().__init__(f"{path} has {count}:\n" + "\n".join(shown))


class Params(BaseModel):
    """Base of every params model: it converts no types, cannot be changed, and refuses unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=Params)


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Read the whole of params.yaml without types; every value is the same as DVC reads.

    Raises:
        ParamsError: the file is missing, is too large, is not YAML in UTF-8, is not a mapping, or holds something that
            programs read differently.
        OSError: the file cannot be read.
    """
    try:
        content = parse_yaml(_read_text(path))
    except FileNotFoundError:
        fault = f"the file is missing in {Path.cwd()}; run from the repository's root"
        if path.is_symlink():
            fault = f"it is a link to {show_path(path.readlink())}, which is missing; remove the link"
        raise ParamsError([fault], path) from None
    except YamlError as error:
        raise ParamsError([str(error)], path) from None
    if not isinstance(content, dict):
        raise ParamsError([f"it must hold a mapping, but holds a {type(content).__name__}"], path)
    return content


def _read_text(path: Path) -> str:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise YamlError("it is a folder or a device; make it a file")
    if status.st_size > LARGEST_BYTES:
        raise YamlError(f"it has {status.st_size:,} bytes; allowed are {LARGEST_BYTES:,}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise YamlError(f"line {line} is not in UTF-8; save the file in UTF-8") from None
    # Python and DVC read text files with these line ends, too.
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
            [_format_fault(fault, where, model) for fault in error.errors(include_url=False)]
        ) from None


def suggest_name(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean NAME?)` with the most similar known name, or "" where none is similar."""
    similar = difflib.get_close_matches(name, list(known), n=1, cutoff=LEAST_SIMILARITY)
    return f" (did you mean {similar[0]}?)" if similar else ""


def _format_fault(fault: Mapping[str, Any], where: str, model: type[Params] | None = None) -> str:
    """Format one pydantic error as a line with key, value and allowed values."""
    key = ".".join([where, *map(str, fault["loc"])]) if where else ".".join(map(str, fault["loc"]))
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{key} is missing; add it"
    if fault["type"] == "extra_forbidden":
        hint = suggest_name(str(fault["loc"][-1]), _list_fields(model, fault["loc"][:-1]))
        return f"{key} is unknown{hint}: a misspelling, or a key of another section; remove it"
    if fault["type"] == "value_error":
        return f"{key}: {message}" if key else message
    hint = ""
    if fault["type"] in ("float_type", "int_type") and isinstance(fault["input"], str):
        hint = "; a number has no quotes, as in 1.0e-4 or 0.0001"
    if fault["type"] == "int_type" and isinstance(fault["input"], float):
        hint = "; a whole number has no point and no exponent, as in 1000"
    return f"{key} = {shorten(repr(fault['input']))}: {message[0].lower()}{message[1:]}{hint}"


def _list_fields(model: type[BaseModel] | None, where: tuple[str | int, ...]) -> list[str]:
    """List the keys of a model, or of the model nested at the path `where`."""
    for name in where:
        field = model.model_fields.get(str(name)) if model is not None else None
        kind = field.annotation if field is not None else None
        model = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    return [] if model is None else list(model.model_fields)
