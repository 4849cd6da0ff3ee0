"""Load batches of real images from one uint8 tensor on the training device, or from a file that does not fit there."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.common.compute import derive_seed
from stages.common.errors import InputError
from stages.common.pixels import pixels_to_tensor
from stages.networks.distributed import get_rank, get_world_size
from stages.networks.gan import Batch

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
# The training itself needs the rest of the free memory.
LARGEST_SHARE_OF_MEMORY = 0.5

RawBatch = tuple[Tensor, ...]
"""The result of `Batches.fetch`: tensors on the training device, whose shapes and dtypes are equal for all batches."""


class Batches:
    """Batches that show every image once per epoch, in an order that depends only on the seed and the epoch.

    A batch is found by its number, so that a resumed training continues with the same batch as without interruption.
    Images that do not fill a batch at the end of an epoch are skipped. Processes that train together each load their
    part of a batch.

    Loading has two steps. `fetch` runs on the host and depends on the batch's number. `assemble` runs on the device and
    is the same for every batch, so that it can be part of a CUDA graph.

    Attributes:
        images: uint8 [N, C, H, W], the training images.
        batch_size: the number of images of a batch, over all processes.
        local_batch_size: the number of images of this process's part of a batch.
        batches_per_epoch: the number of batches of an epoch.
    """

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        memory_format: torch.memory_format = torch.channels_last,
        labels: Tensor | None = None,
    ) -> None:
        """Make batches from images.

        Args:
            images: uint8 [N, C, H, W], on the training device.
            batch_size: the number of images of a batch, over all processes.
            seed: the trial's seed.
            memory_format: the layout of the batches, which should be that of the networks.
            labels: int64 [N], on the images' device, for a conditional GAN; None for any other.

        Raises:
            InputError: there are fewer images than a batch needs, or the processes cannot share a batch evenly.
        """
        if len(images) < batch_size:
            raise InputError(
                f"train.batch_size = {batch_size}, but the train split has only {len(images)} images; "
                "lower batch_size or raise prepare.train_limit"
            )
        if batch_size % get_world_size():
            raise InputError(
                f"train.batch_size = {batch_size} cannot be shared evenly by {get_world_size()} processes; "
                "choose a multiple of that"
            )
        self.images = images
        self.batch_size = batch_size
        self.local_batch_size = batch_size // get_world_size()
        self.seed = seed
        self.batches_per_epoch = len(images) // batch_size
        self._memory_format = memory_format
        self._labels = labels
        self._orders: dict[int, Tensor] = {}

    def load(self, number: int) -> Batch:
        """Load this process's part of batch `number`, counted from 0 over all epochs.

        The images are float32 [local_batch_size, C, H, W] in [-1, 1]; the batch has labels if these were given.
        """
        return self.assemble(self.fetch(number))

    def fetch(self, number: int) -> RawBatch:
        """Find batch `number`: the indices of its images, int64 [local_batch_size]."""
        return (self._find_indices(number),)

    def assemble(self, raw: RawBatch) -> Batch:
        """Make the batch from the result of `fetch`, without waiting for the device."""
        (indices,) = raw
        return Batch(
            self._normalise(self.images[indices]), None if self._labels is None else self._labels[indices]
        )

    def _normalise(self, pixels: Tensor) -> Tensor:
        return pixels_to_tensor(pixels).contiguous(memory_format=self._memory_format)

    def _find_indices(self, number: int) -> Tensor:
        """Find the images of this process's part of batch `number`: int64, on the images' device."""
        epoch, batch = divmod(number, self.batches_per_epoch)
        if epoch not in self._orders:
            self._orders = {epoch: self._shuffle(epoch)}
        start = batch * self.batch_size + get_rank() * self.local_batch_size
        return self._orders[epoch][start : start + self.local_batch_size]

    def _shuffle(self, epoch: int) -> Tensor:
        random = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        return torch.randperm(len(self.images), generator=random).to(self.images.device)


class MappedBatches(Batches):
    """The batches of `Batches`, read from images that stay in their file.

    A thread reads the next batch while the training computes on the one before.
    """

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        memory_format: torch.memory_format = torch.channels_last,
        device: torch.device | None = None,
        labels: Tensor | None = None,
    ) -> None:
        """Make batches from mapped images.

        Args:
            images: uint8 [N, C, H, W], mapped from a file.
            batch_size: see Batches.
            seed: see Batches.
            memory_format: see Batches.
            device: the device of the batches; None is the CPU.
            labels: int64 [N], on the CPU; see Batches.
        """
        super().__init__(images, batch_size, seed, memory_format, labels)
        self._device = device or torch.device("cpu")
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
        self._ahead: dict[int, Future[Tensor]] = {}

    def fetch(self, number: int) -> RawBatch:
        """Read batch `number`: its pixels uint8 [local_batch_size, C, H, W] and, if there are any, its labels."""
        # The indices come first: reading ahead may already need the order of the next epoch.
        indices = self._find_indices(number)
        pending = self._ahead.pop(number, None) or self._start(indices)
        pixels = pending.result()
        self._ahead = {number + 1: self._start(self._find_indices(number + 1))}
        parts = (pixels,) if self._labels is None else (pixels, self._labels[indices])
        return tuple(part.to(self._device, non_blocking=True) for part in parts)

    def assemble(self, raw: RawBatch) -> Batch:
        """Make the batch from the result of `fetch`."""
        pixels, *labels = raw
        return Batch(self._normalise(pixels), labels[0] if labels else None)

    def _start(self, indices: Tensor) -> Future[Tensor]:
        return self._reader.submit(self._read, indices)

    def _read(self, indices: Tensor) -> Tensor:
        # A disk reads fastest in the order of the file.
        in_file_order, positions = indices.sort()
        pixels = torch.empty(len(indices), *self.images.shape[1:], dtype=torch.uint8)
        pixels[positions] = self.images[in_file_order]
        return pixels.pin_memory() if self._device.type == "cuda" else pixels


def open_batches(
    images: NDArray[np.uint8],
    batch_size: int,
    seed: int,
    memory_format: Literal["channels_last", "contiguous"],
    location: Literal["auto", "device", "mapped"],
    device: torch.device,
    labels: NDArray[np.int64] | None = None,
) -> Batches:
    """Open the training images on the device or in their file, as `compute.images` says; the batches are the same.

    Args:
        images: uint8 [N, C, H, W], mapped from a file.
        batch_size: see Batches.
        seed: see Batches.
        memory_format: see Batches.
        location: `device` copies all images to the device, `mapped` leaves them in the file, `auto` copies them if they
            take at most half of the device's free memory.
        device: the training device.
        labels: int64 [N], for a conditional GAN; None for any other.
    """
    layout = MEMORY_FORMATS[memory_format]
    if location == "auto":
        fits = images.nbytes <= LARGEST_SHARE_OF_MEMORY * _count_free_bytes(device)
        location = "device" if fits else "mapped"
    labels_tensor = None if labels is None else torch.tensor(labels)
    if location == "device":
        labels_tensor = None if labels_tensor is None else labels_tensor.to(device)
        return Batches(torch.tensor(images).to(device), batch_size, seed, layout, labels_tensor)
    return MappedBatches(_map_as_tensor(images), batch_size, seed, layout, device, labels_tensor)


def _map_as_tensor(images: NDArray[np.uint8]) -> Tensor:
    """View an array that is mapped from its file as a tensor, without reading it."""
    if not isinstance(images, np.memmap) or images.filename is None:
        return torch.tensor(images)
    # Torch has no read-only tensors, so the map is private, and a write would change a copy. No code writes to it.
    private = np.memmap(images.filename, images.dtype, "c", images.offset, images.shape)
    return torch.from_numpy(private)


def _count_free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
