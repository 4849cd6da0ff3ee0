"""The keys of an entry, under `entries` of params.yaml, that name its files."""

from pydantic import ConfigDict

from stages.common.params import Params


class EntryFiles(Params):
    """The files of an entry, one for each of its seeds."""

    model_config = ConfigDict(extra="ignore")

    files: list[str]
