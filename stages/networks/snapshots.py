"""Load the snapshots of networks that a training has saved."""

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from stages.common.artifacts import MODELS, Trial
from stages.common.errors import InputError


def load_snapshot(network: nn.Module, trial: Trial, file: str) -> None:
    """Load the weights of a snapshot into a network.

    Args:
        network: the network to load into, of the same architecture as the saved one.
        trial: the trial that saved the snapshot.
        file: the name of the file in the trial's folder of models.

    Raises:
        InputError: the file is missing, damaged, or of another architecture.
    """
    path = MODELS / trial.name / file
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it with `dvc repro train@{trial.name}`") from None
    except (SafetensorError, RuntimeError) as error:
        raise InputError(
            f"{path} does not hold this network ({error}); make it anew: `dvc repro -f train@{trial.name}`"
        ) from None
