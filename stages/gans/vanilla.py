"""The GAN without any normaliser or penalty in its discriminator: what all the others are to be better than.

Source: Goodfellow et al. 2014, "Generative Adversarial Nets", with the networks of the comparison.
"""

from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.vanilla` of params.yaml."""


class GAN(ScoreGan):
    """Nothing bounds the discriminator."""
