"""The section `extractor` of params.yaml."""

from typing import Any, Self

from pydantic import Field, create_model, field_validator, model_validator

from stages.common.params import Params, suggest_name
from stages.scores.extractor_zoo import ExtractorOptions, list_extractors, load_extractor_module


class ExtractorParams(Params):
    """The name of the extractor that computes the features, and the options of all extractors; all are checked."""

    name: str

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        known = list_extractors()
        if name not in known:
            raise ValueError(f"{name!r} is unknown{suggest_name(name, known)}; there is {', '.join(known)}")
        return name

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if getattr(self, self.name) is None:
            raise ValueError(f"extractor.{self.name} is missing; add its options, as in presets/default.yaml")
        return self

    @property
    def options(self) -> Any:
        """The options of the chosen extractor, an `Options` of its file."""
        return getattr(self, self.name)

    def feature_dimension(self) -> int:
        """Return the number of features of the chosen extractor; FID needs more images than that."""
        options: ExtractorOptions = self.options
        return options.count_features()


def make_section() -> type[ExtractorParams]:
    """Make the model of the section, which has a key for each extractor."""
    options: dict[str, Any] = {
        name: (load_extractor_module(name).Options, Field(default=None)) for name in list_extractors()
    }
    return create_model("ExtractorSection", __base__=ExtractorParams, **options)


SECTION = make_section()
