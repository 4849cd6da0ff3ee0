"""The grid of the comparison: every GAN under every setting with every seed."""

from typing import Annotated, Self

from pydantic import Field, TypeAdapter, model_validator

from stages.common.artifacts import Trial
from stages.common.params import Params, load_section, read_params

# These names become parts of the names of folders, files and DVC's stages.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Letter = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=32)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
NAMES = TypeAdapter(list[Name], config=Params.model_config)
MOST_TRIALS = 10_000


class Grid(Params):
    """The lists at the top level of params.yaml, in the order in which the report shows them."""

    gans: list[Name] = Field(min_length=1, max_length=100)
    settings_used: list[Letter] = Field(min_length=1, max_length=100)
    seeds: list[Seed] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _check_trials(self) -> Self:
        for key in ("gans", "settings_used", "seeds"):
            values = getattr(self, key)
            repeated = sorted({str(value) for value in values if values.count(value) > 1})
            if repeated:
                raise ValueError(f"{key} names {', '.join(repeated)} more than once; name each once")
        count = len(self.gans) * len(self.settings_used) * len(self.seeds)
        if count > MOST_TRIALS:
            raise ValueError(f"gans, settings_used and seeds make {count} trials; allowed are {MOST_TRIALS}")
        return self

    @classmethod
    def load(cls) -> "Grid":
        """Read the grid from params.yaml.

        Raises:
            ParamsError: a list is missing, is empty, or holds something other than names or seeds.
        """
        content = read_params()
        return load_section(cls, content={key: content[key] for key in cls.model_fields if key in content})

    def trials(self) -> list[Trial]:
        """List every trial, GAN by GAN, then setting by setting, then seed by seed."""
        return [
            Trial(gan, setting, seed)
            for gan in self.gans
            for setting in self.settings_used
            for seed in self.seeds
        ]
