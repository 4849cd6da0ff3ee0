"""The one training loop: it never asks which GAN it trains."""

from collections.abc import Callable

import torch
from torch import Tensor

from stages.networks.gan import Gan, Loss
from stages.train.data import Batches
from stages.train.log import TrainingLog
from stages.train.params import TrainParams
from stages.train.state import TrainState
from stages.train.steps import make_steps


def train_gan(
    training: TrainState,
    batches: Batches,
    params: TrainParams,
    log: TrainingLog,
    save_checkpoint: Callable[[], None],
    save_snapshot: Callable[[], None],
    show_progress: Callable[[], None],
) -> None:
    """Train to `params.generator_steps` generator steps, or to the first loss that is not finite.

    Args:
        training: where to start from; is changed in place.
        batches: real images.
        params: the plan.
        log: gets a row every `log_every_generator_steps`.
        save_checkpoint: saves `training`; called every `checkpoint_every_generator_steps` and at the end.
        save_snapshot: saves the generator; called at each evaluation point.
        show_progress: called once the rows of the log have been written.
    """
    gan = training.gan
    steps = make_steps(training, params)
    evaluation_steps = set(params.evaluation_generator_steps())

    while training.generator_step < params.generator_steps:
        step = training.generator_step + 1
        is_logged = step % params.log_every_generator_steps == 0 or step == 1

        # Update the discriminator, each time on fresh images and fresh noise.
        for remaining in reversed(range(training.setting.discriminator_steps)):
            real = batches.draw_labelled(training.discriminator_steps)
            discriminator_loss = steps.update_discriminator(real, is_last=remaining == 0)
            gan.after_discriminator_step(discriminator_loss)
            training.check_finite(discriminator_loss.total)
            training.discriminator_steps += 1
            log.count_images()
            if training.discriminator_steps % batches.batches_per_epoch == 0:
                training.scale_learning_rates(gan.end_epoch())

        # Update the generator.
        generator_loss = steps.update_generator(len(real.images))
        training.check_finite(generator_loss.total)
        training.generator_step = step
        training.update_ema()

        # Log, and stop where the losses have left the numbers.
        if is_logged:
            log.add(
                training.position(batches.batches_per_epoch),
                summarise(gan, discriminator_loss, generator_loss),
            )
        is_checkpoint = step % params.checkpoint_every_generator_steps == 0 or step == params.generator_steps
        if step in evaluation_steps:
            training.check_generator_finite()
        if is_checkpoint or step in evaluation_steps or log.is_due():
            diverged_at = training.diverged_at()
            log.flush(before_generator_step=diverged_at)
            show_progress()
            if diverged_at is not None:
                break
        if step in evaluation_steps:
            save_snapshot()
        if is_checkpoint:
            save_checkpoint()


def summarise(gan: Gan, discriminator_loss: Loss, generator_loss: Loss) -> dict[str, Tensor]:
    """Gather a step's losses, diagnostics and gradient norms as scalars on the device."""
    return {
        "discriminator_loss": discriminator_loss.total.detach(),
        "generator_loss": generator_loss.total.detach(),
        **discriminator_loss.diagnostics,
        **generator_loss.diagnostics,
        "discriminator_gradient_norm": _gradient_norm(gan.discriminator),
        "generator_gradient_norm": _gradient_norm(gan.generator),
    }


def _gradient_norm(network: torch.nn.Module) -> Tensor:
    """Euclidean norm of all of a network's gradients together."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
