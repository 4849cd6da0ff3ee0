"""Show the progress of a training, as a bar on a terminal and as lines elsewhere."""

import os
import sys
import threading
import time
from typing import Any

from tqdm import tqdm

# Overrides how many seconds lie between two lines.
SECONDS_VARIABLE = "PROGRESS_SECONDS"
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """The progress of one trial, shown whenever rows of its log are written."""

    def __init__(self, name: str, generator_steps: int, done: int) -> None:
        self.name = name
        self.generator_steps = generator_steps
        # By default bars of several processes share a lock of the system, which a killed process leaves behind.
        tqdm.set_lock(threading.RLock())
        self._bar = tqdm(total=generator_steps, initial=done, desc=name, disable=not sys.stderr.isatty())
        self._seconds = float(os.environ.get(SECONDS_VARIABLE, SECONDS_BETWEEN_LINES))
        self._last_line = time.monotonic()

    def show(self, generator_step: int, row: dict[str, Any]) -> None:
        """Show the number of finished generator steps, with the last logged row."""
        self._bar.update(generator_step - self._bar.n)
        is_last = generator_step >= self.generator_steps
        if self._bar.disable and (is_last or time.monotonic() - self._last_line >= self._seconds):
            self._last_line = time.monotonic()
            print(
                f"{self.name}: generator step {generator_step}/{self.generator_steps}, "
                f"epoch {row.get('epoch', 0.0):.2f}, "
                f"discriminator loss {_number(row.get('discriminator_loss'))}, "
                f"generator loss {_number(row.get('generator_loss'))}, "
                f"{row.get('images_per_second', 0.0):.0f} images/s",
                flush=True,
            )

    def close(self) -> None:
        """Close the bar, so that the next output starts on a new line."""
        self._bar.close()


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
