"""GAN losses that are functions of the discriminator's scores: non-saturating, hinge and Wasserstein."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus

LossName = Literal["non_saturating", "hinge"]


class ScoreLoss(NamedTuple):
    """The two losses of a GAN, each a function from scores float [N] to a scalar.

    Attributes:
        discriminator: the discriminator's loss, from the scores of real images and of generated images.
        generator: the generator's loss, from the scores of generated images.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _non_saturating_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return softplus(-real_scores).mean() + softplus(fake_scores).mean()


def _non_saturating_generator(fake_scores: Tensor) -> Tensor:
    return softplus(-fake_scores).mean()


def _hinge_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return relu(1.0 - real_scores).mean() + relu(1.0 + fake_scores).mean()


def _wasserstein_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return fake_scores.mean() - real_scores.mean()


def _negative_mean(fake_scores: Tensor) -> Tensor:
    return -fake_scores.mean()


SCORE_LOSSES: dict[LossName, ScoreLoss] = {
    # Binary cross-entropy on logits, and a generator that maximises log D: Goodfellow et al. 2014, section 3;
    # Miyato et al. 2018, equation 15.
    "non_saturating": ScoreLoss(_non_saturating_discriminator, _non_saturating_generator),
    # Miyato et al. 2018, equations 16 and 17.
    "hinge": ScoreLoss(_hinge_discriminator, _negative_mean),
}
# Arjovsky et al. 2017, Algorithm 1. It needs a critic with a bounded gradient, so it is not an option of every GAN.
WASSERSTEIN = ScoreLoss(_wasserstein_discriminator, _negative_mean)
