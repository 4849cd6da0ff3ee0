"""The section `reference` of params.yaml."""

from typing import Literal

from stages.common.params import Params


class ReferenceParams(Params):
    """Which real images generated ones are compared with."""

    split: Literal["train", "test"]

    def other_split(self) -> str:
        """The split that stands for perfect samples in the row of real data."""
        return "test" if self.split == "train" else "train"
