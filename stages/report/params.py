"""The section `report` of params.yaml."""

from pydantic import Field

from stages.common.params import Params


class ReportParams(Params):
    """What the report is called."""

    title: str = Field(min_length=1)
