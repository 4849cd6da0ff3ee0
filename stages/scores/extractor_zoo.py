"""The extractors by name: each is one file of stages/scores/extractors/."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from pydantic import Field

from stages.common.errors import InputError
from stages.common.params import Params, suggest_name

FOLDER = Path(__file__).parent / "extractors"
EXTRA = "requirements-extractors.txt"


class ExtractorOptions(Params):
    """The base class of an extractor's options, the section of params.yaml with its name under `extractor`.

    Attributes:
        tells_classes: whether the network has logits of classes, from which the Inception Score is computed.
    """

    tells_classes: ClassVar[bool] = False

    def count_features(self) -> int:
        """Return D, the number of features of an image; FID needs more than D images."""
        raise NotImplementedError


class PublishedOptions(ExtractorOptions):
    """The options of a network whose weights are published.

    Attributes:
        weights_path: a local file of the weights, as safetensors or as a file that torch reads with `weights_only`;
            None downloads them if their checksum is known.
        sha256: the expected SHA-256 of the file; None uses the known checksum for a download, and checks no local
            file. The file's actual SHA-256 is part of every score's protocol.
    """

    weights_path: str | None = Field(min_length=1)
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")


def list_extractors() -> list[str]:
    """List the names of the extractors, which are the files of stages/scores/extractors/."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def list_published_extractors() -> list[str]:
    """List the names of the extractors whose weights are published, so that no data set is needed to make them."""
    return [
        name
        for name in list_extractors()
        if "weights_path" in load_extractor_module(name).Options.model_fields
    ]


def load_extractor_module(name: str) -> ModuleType:
    """Import the file of an extractor.

    Raises:
        InputError: there is no stages/scores/extractors/<name>.py.
    """
    known = list_extractors()
    if name not in known:
        raise InputError(
            f"extractor {name!r} is unknown{suggest_name(name, known)}; there is {', '.join(known)}"
        )
    return import_module(f"stages.scores.extractors.{name}")


def import_extra(module: str, extractor: str) -> ModuleType:
    """Import a package that only some extractors need.

    Raises:
        InputError: the package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise InputError(
            f"the extractor {extractor} needs the package {module}, which is not installed; install it by "
            f"`pip install -c constraints.txt -r {EXTRA}`"
        ) from None
