"""The sections of params.yaml that the report reads."""

from pydantic import ConfigDict, Field

from stages.common.params import Params


class ReportParams(Params):
    """The section `report`: the title of the report."""

    title: str = Field(min_length=1, max_length=200)


class EntryTitle(Params):
    """The title of an entry, under `entries`; its own stage reads the rest."""

    model_config = ConfigDict(extra="ignore")

    title: str


class OptionValues(Params):
    """The options of one GAN, under `options`: the report compares some with those of the published report's code."""

    model_config = ConfigDict(extra="allow")


class SettingNumbers(Params):
    """One setting under `settings`: the report shows its numbers, whatever their names are."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int | float]
