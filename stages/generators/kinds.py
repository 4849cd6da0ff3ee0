"""Tell by its content what a generator's file is; whatever would be unpickled is refused."""

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
        InputError: it is none of them; a pickle is named as one, however the file is called.
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
    """Tell whether a content is a pickle: of protocol 2 or newer by its first bytes, of older ones by its opcodes."""
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
        # TorchScript reads its own .pkl files by a reader of its own, which knows data alone.
        return TORCHSCRIPT
    if any(member.endswith(".pkl") for member in inner):
        raise InputError(f"{name} is {PICKLE}")
    raise InputError(f"{name} is a zip without a network; {EXPECTED}")
