"""The training loop of all GANs, which does not depend on the GAN that it trains."""

from collections.abc import Callable

import torch
from torch import Tensor

from stages.networks.distributed import get_world_size
from stages.networks.gan import Gan, Loss
from stages.train.cuda_graphs import CapturedSteps
from stages.train.data import Batches
from stages.train.log import TrainingLog
from stages.train.params import TrainParams
from stages.train.state import TrainState
from stages.train.steps import Steps


def make_steps(state: TrainState, batches: Batches, params: TrainParams) -> Steps:
    """Choose how the updates run: kernel by kernel, compiled, or as CUDA graphs.

    Raises:
        InputError: `train.cuda_graphs` is true, but the device, the number of processes or other params do not allow
            it.
    """
    is_captured = params.captures_updates(state.device.type, get_world_size())
    return (CapturedSteps if is_captured else Steps)(state, batches, params)


def train_gan(
    steps: Steps,
    params: TrainParams,
    log: TrainingLog,
    save_checkpoint: Callable[[], None],
    save_snapshot: Callable[[], None],
    show_progress: Callable[[], None],
) -> None:
    """Train to `params.generator_steps` generator steps, or to the first loss that is not finite.

    Args:
        steps: the updates; the training starts from their state and changes it in place.
        params: the section `train` of params.yaml.
        log: the log, which gets a row every `log_every_generator_steps`.
        save_checkpoint: saves the state; called every `checkpoint_every_generator_steps` and at the end.
        save_snapshot: saves the networks; called at each evaluation point.
        show_progress: called after rows of the log have been written.
    """
    state, batches, gan = steps.state, steps.batches, steps.state.gan
    evaluation_steps = set(params.evaluation_generator_steps())

    while state.generator_step < params.generator_steps:
        step = state.generator_step + 1
        is_logged = step % params.log_every_generator_steps == 0 or step == 1

        # Update the discriminator, each time on fresh images and fresh noise.
        for remaining in reversed(range(state.setting.discriminator_steps)):
            raw = batches.fetch(state.discriminator_steps)
            discriminator_loss = steps.update_discriminator(raw, is_last=remaining == 0)
            state.discriminator_steps += 1
            log.count_images()

        # Update the generator.
        generator_loss = steps.update_generator()
        state.generator_step = step
        if gan.end_generator_step(step):
            state.schedule_learning_rates()

        # Log, and stop if a loss has become infinite or NaN.
        if is_logged:
            scalars = collect_scalars(gan, discriminator_loss, generator_loss)
            log.add(state.position(batches.batches_per_epoch), scalars)
        is_checkpoint = step % params.checkpoint_every_generator_steps == 0 or step == params.generator_steps
        if step in evaluation_steps:
            state.check_generator_finite()
        if is_checkpoint or step in evaluation_steps or log.is_due():
            diverged_at = state.diverged_at()
            log.flush(step, before_generator_step=diverged_at)
            show_progress()
            if diverged_at is not None:
                break
        if step in evaluation_steps:
            save_snapshot()
        if is_checkpoint:
            save_checkpoint()


def collect_scalars(gan: Gan, discriminator_loss: Loss, generator_loss: Loss) -> dict[str, Tensor]:
    """Collect a step's losses, diagnostics and gradient norms as scalars on the device."""
    return {
        "discriminator_loss": discriminator_loss.total,
        "generator_loss": generator_loss.total,
        **discriminator_loss.diagnostics,
        **generator_loss.diagnostics,
        "discriminator_gradient_norm": _gradient_norm(gan.discriminator),
        "generator_gradient_norm": _gradient_norm(gan.generator),
    }


def _gradient_norm(network: torch.nn.Module) -> Tensor:
    """Compute the Euclidean norm of all of a network's gradients together."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
