"""Build the generator and the discriminator of the architecture that `networks.architecture` of params.yaml names."""

from stages.networks.discriminator import ConvDiscriminator, Normaliser, ScoringDiscriminator
from stages.networks.generator import ConvGenerator, Generator
from stages.networks.params import NetworksParams
from stages.networks.residual import ResidualDiscriminator, ResidualGenerator


def build_generator(
    image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
) -> Generator:
    """Build a generator of images [C, H, W], conditional with a `class_count`; its weights are not initialised."""
    if networks.architecture == "residual":
        return ResidualGenerator(image_shape, networks, class_count)
    return ConvGenerator(image_shape, networks, class_count)


def build_discriminator(
    image_shape: tuple[int, int, int], networks: NetworksParams, normaliser: Normaliser | None = None
) -> ScoringDiscriminator:
    """Build a discriminator, or critic, with one score for each image [C, H, W]; its weights are not initialised."""
    if networks.architecture == "residual":
        return ResidualDiscriminator(image_shape, networks, normaliser)
    return ConvDiscriminator(image_shape, networks, normaliser)
