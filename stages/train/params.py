"""The sections `train` and `settings` of params.yaml."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.common.params import LARGEST_COUNT, Params


class Setting(Params):
    """One setting of the comparison: Adam's numbers, and the discriminator steps for each generator step."""

    generator_learning_rate: float = Field(gt=0.0, le=1.0)
    discriminator_learning_rate: float = Field(gt=0.0, le=1.0)
    beta1: float = Field(ge=0.0, lt=1.0)
    beta2: float = Field(ge=0.0, lt=1.0)
    discriminator_steps: int = Field(ge=1, le=100)

    def override_discriminator_steps(self, discriminator_steps: int | None) -> Self:
        """Return the setting with a GAN's own number of discriminator steps; None keeps the setting's."""
        if discriminator_steps is None:
            return self
        return self.model_copy(update={"discriminator_steps": discriminator_steps})


class TrainParams(Params):
    """How long every trial trains, when it is logged and evaluated, and how its steps are computed."""

    batch_size: int = Field(ge=2, le=65536)
    generator_steps: int = Field(ge=1, le=LARGEST_COUNT)
    evaluation_points: int = Field(ge=1, le=10000)
    log_every_generator_steps: int = Field(ge=1, le=LARGEST_COUNT)
    checkpoint_every_generator_steps: int = Field(ge=1, le=LARGEST_COUNT)
    precision: Literal["auto", "float32", "tf32", "bfloat16"]
    memory_format: Literal["channels_last", "contiguous"]
    reuse_fake: bool
    compile: bool
    cuda_graphs: Literal["auto"] | bool
    ema_decay: float | None = Field(gt=0.0, lt=1.0)

    @field_validator("cuda_graphs", mode="before")
    @classmethod
    def _check_cuda_graphs(cls, value: object) -> object:
        # Without this check there would be one error for each type that the value might have had.
        if value != "auto" and not isinstance(value, bool):
            raise ValueError(f"{value!r} is not allowed; choose auto, true or false")
        return value

    @model_validator(mode="after")
    def _check_evaluation_points(self) -> Self:
        if self.evaluation_points > self.generator_steps:
            raise ValueError(
                f"evaluation_points = {self.evaluation_points} is more than generator_steps = "
                f"{self.generator_steps}; a point needs at least one step"
            )
        return self

    @model_validator(mode="after")
    def _check_launch_options(self) -> Self:
        if self.compile and self.cuda_graphs is True:
            raise ValueError(
                "compile and cuda_graphs are both true; choose one, as a graph is captured from uncompiled steps"
            )
        return self

    def captures_updates(self, device_type: str, process_count: int) -> bool:
        """Return whether updates run as CUDA graphs; `auto` captures them wherever that is possible.

        Args:
            device_type: the type of the device that trains, such as `cuda`.
            process_count: the number of processes that train one trial together.
        """
        if self.cuda_graphs == "auto":
            return device_type == "cuda" and process_count == 1 and not (self.reuse_fake or self.compile)
        return self.cuda_graphs

    def evaluation_generator_steps(self) -> list[int]:
        """List the generator steps after which a snapshot is kept; they are evenly spaced and include the last one."""
        points = self.evaluation_points
        return [round(point * self.generator_steps / points) for point in range(1, points + 1)]
