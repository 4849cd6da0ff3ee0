"""The section `ablation` of params.yaml."""

from pathlib import Path

from pydantic import Field

from stages.common.params import Params


class AblationParams(Params):
    """What the report's evaluation did, done to real images.

    Attributes:
        is_enabled: whether it is measured at all.
        distinct_count: real images that are repeated to as many as are scored.
        detour_size: side in pixels that images are resized to on their way to the extractor.
        torchvision_weights_path: a local copy of torchvision's Inception weights; None leaves that row out.
    """

    is_enabled: bool
    distinct_count: int = Field(ge=2, le=1_000_000)
    detour_size: int = Field(ge=4, le=1024)
    torchvision_weights_path: str | None = Field(min_length=1)

    def local_path(self) -> Path | None:
        """Where the user keeps torchvision's weights, with `~` expanded."""
        path = self.torchvision_weights_path
        return None if path is None else Path(path).expanduser()
