"""Find the kind of a generator's file by its content; files that would be unpickled are refused."""

import io
import zipfile

from stages.common.errors import InputError

ONNX, TORCHSCRIPT, TORCH_EXPORT = "ONNX", "TorchScript", "torch.export"
EXPECTED = "expected TorchScript (torch.jit.save), torch.export (.pt2) or ONNX"
# An ONNX file is a protocol buffer whose first field is the version of its format, as a small whole number.
ONNX_START = b"\x08"
PICKLE_START = b"\x80"
PICKLE = (
    "a pickle, as torch.save and pickle.dump write it: reading one can run any code, so none is ever read; save the "
    "generator by torch.export.save, torch.jit.save or torch.onnx.export"
)


def find_kind(content: bytes, name: str) -> str:
    """Return ONNX, TORCHSCRIPT or TORCH_EXPORT.

    Args:
        content: the content of the file.
        name: the name of the file, for errors.

    Raises:
        InputError: the file is of no such kind; the error says so of a pickle, whatever the file's name.
    """
    if content.startswith(b"PK"):
        return _find_archive_kind(content, name)
    if content.startswith(PICKLE_START) or content.rstrip().endswith(b"."):
        raise InputError(
            f"{name} is {PICKLE}" if _is_pickle(content) else f"{name} is no generator; {EXPECTED}"
        )
    if content.startswith(ONNX_START):
        return ONNX
    if content[8:9] == b"{":
        raise InputError(
            f"{name} is safetensors, which holds weights and no network to run them in; {EXPECTED}"
        )
    raise InputError(f"{name} is no generator; {EXPECTED}")


def _is_pickle(content: bytes) -> bool:
    """Return whether bytes are a pickle: protocol 2 or newer by the first bytes, older protocols by the opcodes."""
    import pickletools

    try:
        for _ in pickletools.genops(content[: 1 << 16]):
            pass
    except (ValueError, IndexError, KeyError, UnicodeDecodeError, OverflowError):
        return content[:1] == PICKLE_START and content[1:2] in b"\x02\x03\x04\x05"
    return True


def _find_archive_kind(content: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = [member.partition("/")[2] for member in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{name} is a damaged zip ({error}); {EXPECTED}") from None
    if "archive_format" in inner:
        return TORCH_EXPORT
    if "constants.pkl" in inner and any(member.startswith("code/") for member in inner):
        # TorchScript reads the .pkl files of its archive with its own reader, which knows only data.
        return TORCHSCRIPT
    if any(member.endswith(".pkl") for member in inner):
        raise InputError(f"{name} is {PICKLE}")
    raise InputError(f"{name} is a zip without a network; {EXPECTED}")
