"""The projection discriminator and the conditional batch norm of its generator, with values computed by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stages.gans import projection
from stages.networks.architectures import build_discriminator
from stages.networks.conditional_batch_norm import ConditionalBatchNorm2d
from stages.networks.discriminator import ScoringDiscriminator
from stages.networks.gan import Batch, load_gan_module
from stages.networks.params import NetworksParams

NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)
RESIDUAL = NARROW.model_copy(update={"architecture": "residual"})
SHAPE = (1, 8, 8)


class Body(ScoringDiscriminator):
    """A discriminator whose features are the two pixels of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(2, 1)
        self.score.weight.data.copy_(torch.tensor([[1.0, -1.0]]))
        self.score.bias.data.fill_(0.5)

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def make_discriminator() -> projection.ProjectionDiscriminator:
    discriminator = projection.ProjectionDiscriminator(Body(), class_count=3)
    discriminator.embedding.weight.data.copy_(torch.tensor([[0.0, 0.0], [2.0, 1.0], [-1.0, 4.0]]))
    return discriminator


def make_gan(networks: NetworksParams = NARROW, loss: str = "hinge") -> projection.GAN:
    torch.manual_seed(0)
    return projection.GAN(SHAPE, networks, projection.Options(discriminator_steps=None, loss=loss), 3)  # type: ignore[arg-type]


def test_the_score_is_the_bodys_plus_the_product_of_features_and_class_embedding_by_hand() -> None:
    image = torch.tensor([3.0, 2.0]).view(1, 1, 1, 2).repeat(3, 1, 1, 1)
    scores = make_discriminator()(image, torch.tensor([0, 1, 2]))
    # The body's score is 3 - 2 + 0.5. The products are 0; 2 * 3 + 1 * 2; -1 * 3 + 4 * 2.
    assert scores.tolist() == [1.5, 9.5, 6.5]


def test_the_losses_score_every_image_with_its_own_label_by_hand() -> None:
    gan = make_gan()
    gan.discriminator = make_discriminator()
    image = torch.tensor([3.0, 2.0]).view(1, 1, 1, 2)
    real, fake = Batch(image, torch.tensor([1])), Batch(-image, torch.tensor([2]))
    loss = gan.discriminator_loss(real, fake, torch.Generator())
    # The scores are 9.5 and -1 + 0.5 - 5 = -5.5, so both hinges are zero.
    assert float(loss.total.detach()) == 0.0
    assert (float(loss.diagnostics["real_score"]), float(loss.diagnostics["fake_score"])) == (9.5, -5.5)
    assert float(gan.generator_loss(fake).total.detach()) == 5.5


def test_conditional_batch_norm_by_hand() -> None:
    norm = ConditionalBatchNorm2d(1, class_count=2)
    norm.gain.data.copy_(torch.tensor([[1.0], [10.0]]))
    norm.offset.data.copy_(torch.tensor([[0.0], [5.0]]))
    maps = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    # Over the whole batch, whatever the classes, the mean is 2 and the deviation 1.
    assert norm(maps, torch.tensor([0, 1])).flatten().tolist() == pytest.approx([-1.0, 15.0], rel=1e-4)
    assert norm(maps, torch.tensor([1, 0])).flatten().tolist() == pytest.approx([-5.0, 1.0], rel=1e-4)


def test_conditional_batch_norm_of_one_class_equals_batch_norm() -> None:
    norm, plain = ConditionalBatchNorm2d(3, class_count=1), nn.BatchNorm2d(3)
    maps = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        assert torch.allclose(norm(maps, torch.zeros(4, dtype=torch.int64)), plain(maps), atol=1e-6)
        norm.eval(), plain.eval()


def test_conditional_batch_norm_keeps_the_dtype_of_its_maps() -> None:
    norm = ConditionalBatchNorm2d(3, class_count=2)
    assert norm(torch.randn(2, 3, 4, 4).bfloat16(), torch.tensor([0, 1])).dtype == torch.bfloat16


@pytest.mark.parametrize("networks", [NARROW, RESIDUAL], ids=lambda networks: networks.architecture)
def test_every_weight_of_the_discriminator_is_spectrally_normalised_and_so_is_the_class_embedding(
    networks: NetworksParams,
) -> None:
    gan = make_gan(networks)
    layers = [
        layer for layer in gan.discriminator.modules() if isinstance(getattr(layer, "weight", None), Tensor)
    ]
    assert sum(isinstance(layer, nn.Embedding) for layer in layers) == 1
    for layer in layers:
        assert parametrize.is_parametrized(layer, "weight")
        weight = layer.weight
        assert isinstance(weight, Tensor)
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("networks", [NARROW, RESIDUAL], ids=lambda networks: networks.architecture)
def test_with_class_embeddings_of_zero_the_discriminator_equals_its_body(networks: NetworksParams) -> None:
    torch.manual_seed(0)
    plain = build_discriminator(SHAPE, networks)
    conditional = projection.ProjectionDiscriminator(plain, class_count=3)
    nn.init.zeros_(conditional.embedding.weight)
    images = torch.rand(3, *SHAPE) * 2 - 1
    assert torch.allclose(conditional(images, torch.tensor([0, 1, 2])), plain(images), atol=1e-6)


@pytest.mark.parametrize("networks", [NARROW, RESIDUAL], ids=lambda networks: networks.architecture)
def test_a_label_changes_its_own_image_and_no_other(networks: NetworksParams) -> None:
    generator = make_gan(networks).generator.eval()
    for layer in generator.modules():
        if isinstance(layer, ConditionalBatchNorm2d):
            layer.offset.data.normal_(generator=torch.Generator().manual_seed(0))
    z = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    one, other = (generator(z, torch.tensor(labels)) for labels in ([0, 1], [0, 2]))
    assert torch.allclose(one[0], other[0], atol=1e-6)
    assert not torch.allclose(one[1], other[1], atol=1e-3)


def test_sampled_labels_are_uniform_over_the_classes_and_do_not_change_z() -> None:
    generator = make_gan().generator
    random, same = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    z, labels = generator.sample_z(6000, random), generator.sample_labels(6000, random)
    assert labels is not None
    assert torch.equal(z, generator.sample_z(6000, same))
    shares = torch.bincount(labels, minlength=3) / 6000
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.02)


def test_an_unconditional_gan_samples_no_labels_and_uses_no_random_numbers_for_them() -> None:
    module = load_gan_module("vanilla")
    gan = module.GAN(SHAPE, NARROW, module.Options(discriminator_steps=None, loss="hinge"), 3)
    random, same = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    assert gan.generate(4, random).labels is None
    gan.generator.sample_z(4, same)
    assert torch.equal(random.get_state(), same.get_state())
    assert (gan.class_count, gan.generator.class_count) == (1, None)
