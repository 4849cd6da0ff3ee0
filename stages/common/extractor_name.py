"""The name of the extractor, for those who need no more of its section of params.yaml."""

from pydantic import ConfigDict

from stages.common.params import Params, load_section


class ExtractorName(Params):
    """The key of the section `extractor` that names the network; the section's owner holds the others."""

    model_config = ConfigDict(extra="ignore")

    name: str

    @classmethod
    def load(cls) -> "ExtractorName":
        """Read the name from params.yaml.

        Raises:
            ParamsError: it is missing or no text.
        """
        return load_section(cls, "extractor")
