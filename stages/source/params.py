"""The keys of the section `prepare` of params.yaml that name the source of the images."""

from pathlib import Path

from pydantic import ConfigDict

from stages.common.file_tree import expand_user
from stages.common.params import Params


class SourceParams(Params):
    """The name of the data set, and the path of the user's own copy.

    Attributes:
        dataset: the name of the data set.
        path: a folder or a file; None uses the published files.
    """

    model_config = ConfigDict(extra="ignore")

    dataset: str
    path: str | None

    def local_path(self) -> Path | None:
        """Return the path with `~` expanded."""
        return None if self.path is None else expand_user(self.path)
