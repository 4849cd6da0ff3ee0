"""BEGAN: an auto-encoder whose error on generated images is kept at a set fraction of its error on real images.

Source: Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", section 3.4, and
its convergence measure of section 3.4.1.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.common.params import LARGEST_COUNT
from stages.networks.discriminator import AutoEncoder
from stages.networks.gan import Batch, Gan, GanOptions, Loss, concatenate
from stages.networks.params import Architecture, NetworksParams
from stages.networks.weights import init_weights


class Options(GanOptions):
    """The section `options.began` of params.yaml.

    Attributes:
        gamma: the target of the error on generated images over the error on real images.
        lambda_k: the step size of k.
        code_dimension: the length of the auto-encoder's code.
        patience_generator_steps: the number of generator steps without progress after which the learning rates are
            halved.
        minimum_learning_rate: the lowest rate that the schedule reaches; a setting's own rate may be lower.
    """

    gamma: float = Field(gt=0.0, le=1.0)
    lambda_k: float = Field(gt=0.0)
    code_dimension: int = Field(ge=1, le=65536)
    patience_generator_steps: int = Field(ge=1, le=LARGEST_COUNT)
    minimum_learning_rate: float = Field(gt=0.0, le=1.0)


class GAN(Gan):
    """The weight k of generated images in the discriminator's loss is set by a controller.

    k and the state of the learning rate's schedule are buffers, so that checkpoints hold them.
    """

    # The paper has no residual auto-encoder.
    architectures: ClassVar[tuple[Architecture, ...]] = ("standard",)
    score_name: ClassVar[str] = "mean absolute error of the reconstruction"
    options: Options
    k: Tensor
    measure_sum: Tensor
    measure_count: Tensor
    best_measure: Tensor
    learning_rate_factor: Tensor

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the auto-encoder, and register the buffers of the controller and of the schedule; see Gan."""
        for name, value in (
            ("k", 0.0),
            ("measure_sum", 0.0),
            ("measure_count", 0.0),
            ("best_measure", float("inf")),
            ("learning_rate_factor", 1.0),
        ):
            self.register_buffer(name, torch.tensor(value))
        auto_encoder = AutoEncoder(image_shape, networks, self.options.code_dimension)
        init_weights(auto_encoder)
        return auto_encoder

    def score(self, batch: Batch) -> Tensor:
        """Return the mean absolute error L of the reconstruction of each image, float [N]; see Gan."""
        errors: Tensor = (batch.images - self.discriminator(batch.images)).abs().flatten(1).mean(1)
        return errors

    def gradient_bound(self, batch: Batch, jacobian_norm: Tensor) -> Tensor:
        """Bound the norm of the gradient by (1 + ||J||) / sqrt(P) for P pixels; see Gan.

        The gradient is (I - J)^T sign(x - D(x)) / P, and the norm of the vector of signs is sqrt(P).
        """
        bound: Tensor = (1.0 + jacobian_norm) / batch.images[0].numel() ** 0.5
        return bound

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        """Compute L(real) - k * L(fake); see Gan."""
        real_error, fake_error = (errors.mean() for errors in self.score(concatenate(real, fake)).chunk(2))
        balance = self.options.gamma * real_error.detach() - fake_error.detach()
        return Loss(
            real_error - self.k * fake_error,
            {
                "real_score": real_error.detach(),
                "fake_score": fake_error.detach(),
                "balance": balance,
                "convergence": real_error.detach() + balance.abs(),
                "k": self.k.clone(),
            },
        )

    def generator_loss(self, fake: Batch) -> Loss:
        """Compute L(fake); see Gan."""
        return Loss((fake.images - self.discriminator(fake.images)).abs().mean(), {})

    @torch.no_grad()
    def after_discriminator_step(self, loss: Loss) -> None:
        """Move k by lambda_k times the balance, within [0, 1], and accumulate the convergence measure."""
        self.k.add_(self.options.lambda_k * loss.diagnostics["balance"]).clamp_(0.0, 1.0)
        self.measure_sum += loss.diagnostics["convergence"]
        self.measure_count += 1

    @torch.no_grad()
    def end_generator_step(self, generator_step: int) -> bool:
        """Halve the learning rates if the convergence measure has stalled; see Gan.

        The paper halves the rate when the measure stalls, but gives no rule for that. Here the training is divided into
        periods of `patience_generator_steps`, and the rate is halved after each period whose mean measure is not below
        the lowest of all earlier periods. Periods are counted in generator steps, so that their length depends neither
        on the number of discriminator steps nor on the number of images.
        """
        if generator_step % self.options.patience_generator_steps:
            return False
        measure = self.measure_sum / self.measure_count.clamp(min=1)
        has_stalled = bool(measure >= self.best_measure)
        self.best_measure.copy_(torch.minimum(measure, self.best_measure))
        self.measure_sum.zero_()
        self.measure_count.zero_()
        if has_stalled:
            self.learning_rate_factor.mul_(0.5)
        return has_stalled

    def schedule_learning_rate(self, rate: float) -> float:
        """Return the halved rate, at least the minimum; a setting's rate below the minimum stays unchanged; see Gan."""
        return max(rate * float(self.learning_rate_factor), min(rate, self.options.minimum_learning_rate))
