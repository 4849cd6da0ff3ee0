"""GAN without any normalisation or penalty in its discriminator: the baseline of the other methods.

Source: Goodfellow et al. 2014, "Generative Adversarial Nets", with the networks of the comparison.
"""

from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.vanilla` of params.yaml."""


class GAN(ScoreGan):
    """Nothing bounds the gradient of the discriminator."""
