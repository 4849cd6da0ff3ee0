"""The losses that several GANs of the model zoo share, on a discriminator's scores."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn.functional import relu, softplus

LossName = Literal["non_saturating", "hinge"]


class ScoreLoss(NamedTuple):
    """A pair of losses on scores float [N]; each returns a scalar.

    Attributes:
        discriminator: from the scores of real and of generated images.
        generator: from the scores of generated images.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _non_saturating_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return softplus(-real_scores).mean() + softplus(fake_scores).mean()


def _non_saturating_generator(fake_scores: Tensor) -> Tensor:
    return softplus(-fake_scores).mean()


def _hinge_discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    return relu(1.0 - real_scores).mean() + relu(1.0 + fake_scores).mean()


def _hinge_generator(fake_scores: Tensor) -> Tensor:
    return -fake_scores.mean()


SCORE_LOSSES: dict[LossName, ScoreLoss] = {
    # Goodfellow et al. 2014, section 3: binary cross-entropy on logits, log D maximised by the generator;
    # Miyato et al. 2018, equation 15.
    "non_saturating": ScoreLoss(_non_saturating_discriminator, _non_saturating_generator),
    # Miyato et al. 2018, equations 16 and 17.
    "hinge": ScoreLoss(_hinge_discriminator, _hinge_generator),
}
