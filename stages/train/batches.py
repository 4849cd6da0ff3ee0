"""Batches of real images, drawn from one uint8 tensor on the training device."""

import torch
from torch import Tensor

from stages.common.compute import derive_seed
from stages.common.pixels import pixels_to_tensor


class Batches:
    """Every image once an epoch, in an order that depends on the seed and the epoch alone.

    A batch is found by its number, so that a resumed training goes on with the very batch it would have had.
    Images left over at an epoch's end are left out of that epoch.
    """

    def __init__(self, images: Tensor, batch_size: int, seed: int) -> None:
        """Keep the images.

        Args:
            images: uint8 [N, C, H, W], on the training device.
            batch_size: images a batch.
            seed: the leg's seed.

        Raises:
            ValueError: there are fewer images than one batch needs.
        """
        if len(images) < batch_size:
            raise ValueError(
                f"train.batch_size = {batch_size}, but the train split has only {len(images)} images; "
                "lower batch_size or raise prepare.train_limit"
            )
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self.batches_per_epoch = len(images) // batch_size
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def draw(self, number: int) -> Tensor:
        """Return batch `number`, counted from 0 over all epochs: float32 [batch_size, C, H, W] in [-1, 1].

        The layout is channels-last, as the networks'.
        """
        epoch, place = divmod(number, self.batches_per_epoch)
        if epoch != self._epoch:
            self._shuffle(epoch)
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        return pixels_to_tensor(self.images[chosen]).contiguous(memory_format=torch.channels_last)

    def _shuffle(self, epoch: int) -> None:
        random = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        self._order = torch.randperm(len(self.images), generator=random).to(self.images.device)
        self._epoch = epoch
