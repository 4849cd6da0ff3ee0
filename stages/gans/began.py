"""BEGAN: an auto-encoder whose error on generated images is kept at a set fraction of its error on real images.

Source: Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", section 3.4, and
its convergence measure of section 3.4.1.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from stages.common.params import Params
from stages.networks.discriminator import AutoEncoder
from stages.networks.gan import Batch, Gan, Loss, concatenate
from stages.networks.params import Architecture, NetworksParams
from stages.networks.weights import init_weights


class Options(Params):
    """The section `options.began` of params.yaml.

    Attributes:
        gamma: the target of the error on generated images over the error on real images.
        lambda_k: the step size of k.
        code_dimension: the length of the auto-encoder's code.
        patience_epochs: the learning rates are halved after so many epochs without progress.
    """

    gamma: float = Field(gt=0.0, le=1.0)
    lambda_k: float = Field(gt=0.0)
    code_dimension: int = Field(ge=1, le=65536)
    patience_epochs: int = Field(ge=1, le=1_000_000)


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
    epochs_without_progress: Tensor
    learning_rate_factor: Tensor

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the auto-encoder, and register the buffers of the controller and of the schedule; see Gan."""
        for name, value in (
            ("k", 0.0),
            ("measure_sum", 0.0),
            ("measure_count", 0.0),
            ("best_measure", float("inf")),
            ("epochs_without_progress", 0.0),
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
    def end_epoch(self) -> float:
        """Halve the learning rates when the convergence measure has stalled, and return their factor; see Gan.

        Section 3.3 of the paper decays the rate when the measure stalls and gives no rule. Here the rate is halved
        after `patience_epochs` epochs without a new minimum of the measure's mean over an epoch.
        """
        measure = self.measure_sum / self.measure_count.clamp(min=1)
        improved = bool(measure < self.best_measure)
        self.epochs_without_progress.copy_(
            self.epochs_without_progress.new_tensor(0.0) if improved else self.epochs_without_progress + 1
        )
        self.best_measure.copy_(torch.minimum(measure, self.best_measure))
        self.measure_sum.zero_()
        self.measure_count.zero_()
        if float(self.epochs_without_progress) >= self.options.patience_epochs:
            self.learning_rate_factor.mul_(0.5)
            self.epochs_without_progress.zero_()
        return float(self.learning_rate_factor)
