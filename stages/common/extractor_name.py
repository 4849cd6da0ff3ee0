"""The name of the extractor, for stages that need nothing else of the section `extractor` of params.yaml."""

from pydantic import ConfigDict

from stages.common.params import Params, load_section


class ExtractorName(Params):
    """The key of the section `extractor` that names the network; stages/extractor/params.py has the whole section."""

    model_config = ConfigDict(extra="ignore")

    name: str

    @classmethod
    def load(cls) -> "ExtractorName":
        """Read the name from params.yaml.

        Raises:
            ParamsError: the name is missing or not text.
        """
        return load_section(cls, "extractor")
