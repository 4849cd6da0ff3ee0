"""The sections of params.yaml that the report reads."""

from pydantic import ConfigDict, Field

from stages.common.params import Params


class ReportParams(Params):
    """The section `report`: the title of the report."""

    title: str = Field(min_length=1, max_length=200)


class EntryTitle(Params):
    """The title of an entry, under `entries`; the stage `entry` reads the other keys."""

    model_config = ConfigDict(extra="ignore")

    title: str


class OptionValues(Params):
    """The options of one GAN, under `options`; the report compares some with those of the published report's code."""

    model_config = ConfigDict(extra="allow")


class SettingNumbers(Params):
    """One setting under `settings`; the report shows all of its numbers with their names."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int | float]
