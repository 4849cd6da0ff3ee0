"""Batches of real images: from one uint8 tensor on the training device, or from a file that is too large for that."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.common.compute import derive_seed
from stages.common.pixels import pixels_to_tensor
from stages.networks.distributed import get_rank, get_world_size
from stages.networks.gan import Batch

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
# Of the memory that is free, the training itself needs a part.
LARGEST_SHARE_OF_MEMORY = 0.5


class Batches:
    """Every image once an epoch, in an order that depends on the seed and the epoch alone.

    A batch is found by its number, so that a resumed training goes on with the very batch it would have had.
    Images left over at an epoch's end are left out of that epoch. Processes that share a trial each draw their
    part of the batch.
    """

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        memory_format: torch.memory_format = torch.channels_last,
        labels: Tensor | None = None,
    ) -> None:
        """Keep the images.

        Args:
            images: uint8 [N, C, H, W], on the training device.
            batch_size: images a batch, over all processes.
            seed: the trial's seed.
            memory_format: the layout of what is drawn, which should be the networks'.
            labels: int64 [N], where the images are, for a GAN that is shown them; None for any other.

        Raises:
            ValueError: there are fewer images than one batch needs, or the processes cannot share one evenly.
        """
        if len(images) < batch_size:
            raise ValueError(
                f"train.batch_size = {batch_size}, but the train split has only {len(images)} images; "
                "lower batch_size or raise prepare.train_limit"
            )
        if batch_size % get_world_size():
            raise ValueError(
                f"train.batch_size = {batch_size} cannot be shared evenly by {get_world_size()} processes; "
                "choose a multiple of that"
            )
        self.images = images
        self.batch_size = batch_size
        self.seed = seed
        self.batches_per_epoch = len(images) // batch_size
        self._memory_format = memory_format
        self._labels = labels
        self._orders: dict[int, Tensor] = {}

    def draw(self, number: int) -> Tensor:
        """Return batch `number`, counted from 0 over all epochs: float32 [batch_size, C, H, W] in [-1, 1].

        Where processes share the trial it is this one's part, [batch_size / processes, C, H, W].
        """
        return pixels_to_tensor(self._read(number)).contiguous(memory_format=self._memory_format)

    def draw_labelled(self, number: int) -> Batch:
        """Return batch `number` as `draw` does, with its labels if there are any."""
        # First the labels: a reading of images ahead may already be in the next epoch.
        labels = None if self._labels is None else self._labels[self._choose(number)]
        images = self.draw(number)
        return Batch(images, None if labels is None else labels.to(images.device))

    def _read(self, number: int) -> Tensor:
        """Return the pixels of batch `number`, uint8, on the training device."""
        return self.images[self._choose(number)]

    def _choose(self, number: int) -> Tensor:
        """Name the images of this process's part of batch `number`: int64, where the images are."""
        epoch, place = divmod(number, self.batches_per_epoch)
        if epoch not in self._orders:
            self._orders = {epoch: self._shuffle(epoch)}
        share = self.batch_size // get_world_size()
        start = place * self.batch_size + get_rank() * share
        return self._orders[epoch][start : start + share]

    def _shuffle(self, epoch: int) -> Tensor:
        random = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        return torch.randperm(len(self.images), generator=random).to(self.images.device)


class MappedBatches(Batches):
    """The same batches from images that stay in their file; each is read while the one before is trained on."""

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        memory_format: torch.memory_format = torch.channels_last,
        device: torch.device | None = None,
        labels: Tensor | None = None,
    ) -> None:
        """Keep the map.

        Args:
            images: uint8 [N, C, H, W], mapped from a file.
            batch_size: see Batches.
            seed: see Batches.
            memory_format: see Batches.
            device: where batches go; the CPU without it.
            labels: see Batches.
        """
        super().__init__(images, batch_size, seed, memory_format, labels)
        self._device = device or torch.device("cpu")
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
        self._ahead: dict[int, Future[Tensor]] = {}

    def _read(self, number: int) -> Tensor:
        pending = self._ahead.pop(number, None) or self._start(number)
        pixels = pending.result()
        self._ahead = {number + 1: self._start(number + 1)}
        return pixels.to(self._device, non_blocking=True)

    def _start(self, number: int) -> Future[Tensor]:
        return self._reader.submit(self._load, self._choose(number))

    def _load(self, chosen: Tensor) -> Tensor:
        # In the file's order, which is what a disk is fast at, and back.
        sorted_, place = chosen.sort()
        pixels = torch.empty(len(chosen), *self.images.shape[1:], dtype=torch.uint8)
        pixels[place] = self.images[sorted_]
        return pixels.pin_memory() if self._device.type == "cuda" else pixels


def open_batches(
    images: NDArray[np.uint8],
    batch_size: int,
    seed: int,
    memory_format: Literal["channels_last", "contiguous"],
    place: Literal["auto", "device", "mapped"],
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> Batches:
    """Open the training images where compute.images wants them; the batches are the same either way.

    Args:
        images: uint8 [N, C, H, W], mapped from a file.
        batch_size: see Batches.
        seed: see Batches.
        memory_format: see Batches.
        place: `device` copies all images there, `mapped` leaves them in the file, `auto` copies what takes at
            most half of the memory that is free there.
        device: the training's.
        labels: int64 [N], for a GAN that is shown them.
    """
    layout = MEMORY_FORMATS[memory_format]
    if place == "auto":
        place = "device" if images.nbytes <= LARGEST_SHARE_OF_MEMORY * _count_free_bytes(device) else "mapped"
    known = None if labels is None else torch.tensor(labels)
    if place == "device":
        known = None if known is None else known.to(device)
        return Batches(torch.tensor(images).to(device), batch_size, seed, layout, known)
    return MappedBatches(_map_as_tensor(images), batch_size, seed, layout, device, known)


def _map_as_tensor(images: NDArray[np.uint8]) -> Tensor:
    """See an array that is mapped from its file as a tensor, without reading it."""
    if not isinstance(images, np.memmap) or images.filename is None:
        return torch.tensor(images)
    # Copied where it is written to, which nothing does: torch has no tensors that cannot be written to.
    private = np.memmap(images.filename, images.dtype, "c", images.offset, images.shape)
    return torch.from_numpy(private)


def _count_free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
