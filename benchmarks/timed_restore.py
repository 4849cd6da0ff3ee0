"""Time the restoration of a stage in the process that does it: what `benchmarks.head_cost` calls in a child process."""

import time

from pipeline.dvc import run_cache
from pipeline.dvc.repo import ReproStatus


def time_restore(stage: str, upstream: list[str]) -> tuple[ReproStatus | None, float]:
    """Restore a stage in this process; return what came of it, None for nothing, and the processor seconds."""
    began = time.process_time()
    result = run_cache._restore_in_child(stage, upstream, None).result
    return None if result is None else result.status, time.process_time() - began
