"""The section `ablation` of params.yaml."""

from pathlib import Path

from pydantic import Field

from stages.common.file_tree import expand_user
from stages.common.params import Params


class AblationParams(Params):
    """Parameters of the distortions that the stage applies to real images, as the report's evaluation did.

    Attributes:
        is_enabled: whether the stage computes anything.
        distinct_count: number of real images that are repeated until there are as many as are scored.
        resize_size: side, in pixels, to which images are resized before the extractor.
        torchvision_weights_path: a local copy of torchvision's Inception weights; None leaves that row out.
    """

    is_enabled: bool
    distinct_count: int = Field(ge=2, le=1_000_000)
    resize_size: int = Field(ge=4, le=1024)
    torchvision_weights_path: str | None = Field(min_length=1)

    def local_path(self) -> Path | None:
        """Return the user's path of torchvision's weights, with `~` expanded."""
        path = self.torchvision_weights_path
        return None if path is None else expand_user(path)
