"""Load a .pt2 file of torch.export after checking every part that could run code other than a network's.

torch.export.load reads pickles where the archive says so, evaluates its symbolic sizes as Python, and looks up
functions by names that may be any attribute of torch. So everything that is not plain data, a size or an operator of a
network is refused. torch gets a new archive, packed from the parts that were checked.
"""

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from stages.common.errors import InputError

# The operators of tensors, except those that read or write files, and the operators of Python's numbers.
OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b|save\b|load\b|_?record\w*\b)[a-z_]\w*\.\w+|_operator\.(?:getitem|add|sub|mul|floordiv|mod|neg)"
    r"|torch\.sym_(?:int|max|min)"
)
# A symbolic size as sympy writes it: symbols, integers and arithmetic.
SIZE = re.compile(
    r"(?:Symbol\('[a-z]\w{0,20}'(?:, (?:positive|integer|nonnegative)=True)*\)|(?:Add|Mul|FloorDiv|Mod|Max|Min)\("
    r"|Integer\(|\)|, |-?\d{1,18})+"
)
# The names of files in the archive that torch unpickles.
PICKLED = re.compile(r"custom_obj_|opaque_obj_|\.pt$|\.pkl$")
SAMPLE_INPUTS = "data/sample_inputs/model.pt"
# The folder of compiled programs, which are neither a network nor data.
COMPILED = "data/aotinductor/"


def load_torch_export(content: bytes, name: str) -> nn.Module:
    """Load the network of a .pt2 file.

    Raises:
        InputError: the file is damaged, or holds anything besides a network of torch's operators and its weights.
    """
    members = _read_members(content, name)
    for member, data in members.items():
        _check_member(member.partition("/")[2], data, name)
    logging.getLogger("torch.export").setLevel(logging.ERROR)
    try:
        program = torch.export.load(io.BytesIO(_pack(members)))
    # A wrong file may raise any exception within torch.
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(
            f"{name} cannot be loaded by torch {torch.__version__} ({reason}); export it anew"
        ) from None
    return program.module()


def _read_members(content: bytes, name: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names):
                raise InputError(f"{name} holds two files of one name; export it anew")
            return {member: archive.read(member) for member in names}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{name} is damaged ({error}); export it anew") from None


def _check_member(path: str, data: bytes, name: str) -> None:
    """Refuse a file of the archive that torch would unpickle, evaluate or run."""
    if path == SAMPLE_INPUTS:
        _check_sample_inputs(data, name)
    elif path.startswith(COMPILED) or PICKLED.search(path.rpartition("/")[2]):
        raise InputError(
            f"{name} holds {path}, which torch would unpickle or run, and that can run any code; export a network of "
            "torch's own operators"
        )
    elif path.endswith(".json"):
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            raise InputError(f"{name}: {path} is not JSON; export it anew") from None
        for key, value in _walk(content):
            _check_value(key, value, name)


def _check_sample_inputs(data: bytes, name: str) -> None:
    """Refuse example inputs that `weights_only` cannot read, because torch would then unpickle them without it."""
    if not data:
        return
    try:
        torch.load(io.BytesIO(data), weights_only=True)
    # The reader raises errors of many classes.
    except Exception:
        raise InputError(
            f"{name} holds example inputs that are a pickle of more than tensors, which can run any code; export it "
            "with tensors as inputs"
        ) from None


def _walk(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a JSON value with its value, at any depth."""
    if isinstance(content, dict):
        for inner, value in content.items():
            yield inner, value
            yield from _walk(value, inner)
    elif isinstance(content, list):
        for value in content:
            yield from _walk(value, key)


def _check_value(key: str, value: Any, name: str) -> None:
    if key == "use_pickle" and value is not False:
        raise InputError(f"{name} holds pickled weights, which can run any code; export tensors alone")
    if key == "path_name" and isinstance(value, str) and (PICKLED.search(value) or "/" in value):
        raise InputError(f"{name} holds the object {value}, which torch would unpickle; export tensors alone")
    if key == "target" and isinstance(value, str) and not OPERATOR.fullmatch(value):
        raise InputError(f"{name} calls {value[:80]!r}, which is no operator of a network")
    if key == "expr_str" and not (isinstance(value, str) and SIZE.fullmatch(value)):
        raise InputError(
            f"{name} has a size {str(value)[:80]!r}, which torch would evaluate as Python; export it with a batch size "
            "that is one symbol"
        )


def _pack(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return file.getvalue()
