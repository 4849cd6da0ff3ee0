"""What the report reads of params.yaml."""

from pydantic import ConfigDict, Field

from stages.common.params import Params


class ReportParams(Params):
    """What the report is called."""

    title: str = Field(min_length=1)


class SettingNumbers(Params):
    """The numbers under one letter of `settings`, shown as they stand: what they mean is the training's matter."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int | float]
