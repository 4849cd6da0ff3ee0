"""The networks by the name of their architecture, `networks.architecture` of params.yaml."""

from stages.networks.discriminator import ConvDiscriminator, Normaliser
from stages.networks.generator import ConvGenerator, Generator
from stages.networks.params import NetworksParams
from stages.networks.residual import ResidualDiscriminator, ResidualGenerator


def build_generator(
    image_shape: tuple[int, int, int], networks: NetworksParams, class_count: int | None = None
) -> Generator:
    """Build a generator of images [C, H, W], of so many classes or of none; its weights are not drawn yet."""
    if networks.architecture == "residual":
        return ResidualGenerator(image_shape, networks, class_count)
    return ConvGenerator(image_shape, networks, class_count)


def build_discriminator(
    image_shape: tuple[int, int, int], networks: NetworksParams, normaliser: Normaliser | None = None
) -> ConvDiscriminator | ResidualDiscriminator:
    """Build a discriminator, or critic, with one score an image; its weights are not drawn yet."""
    if networks.architecture == "residual":
        return ResidualDiscriminator(image_shape, networks, normaliser)
    return ConvDiscriminator(image_shape, networks, normaliser)
