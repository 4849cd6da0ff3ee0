"""Sample the metrics of the machine that trains a trial with MLflow's own monitors.

If a training runs on another machine, that machine takes the samples, and they are copied to a file beside the
training's log.
"""

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from mlflow.entities import Metric
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipeline.machine import describe_machine
from pipeline.tracking.runs import now_milliseconds


class Sample(NamedTuple):
    """The system metrics of a machine at one moment.

    Attributes:
        host: the machine's name.
        time: the time in milliseconds since 1970.
        values: the values by MLflow's names, such as `cpu_utilization_percentage`.
    """

    host: str
    time: int
    values: dict[str, float]

    def list_metrics(self, start: int) -> list[Metric]:
        """List the values as MLflow's UI expects them: `system/cpu_utilization_percentage` and so on.

        The step of a sample is the number of whole seconds since `start`, the run's start in milliseconds since 1970.
        """
        step = max(0, self.time - start) // 1000
        return [Metric(f"system/{key}", value, self.time, step) for key, value in self.values.items()]


class SystemMetrics:
    """Samples CPU, memory, disk and network, and the GPU if there is one and its library is installed."""

    def __init__(self) -> None:
        self._monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with contextlib.suppress(ImportError, RuntimeError):
            self._monitors.append(GPUMonitor())

    def sample(self) -> Sample:
        """Sample all metrics of this machine."""
        values: dict[str, float] = {}
        now = now_milliseconds()
        for monitor in self._monitors:
            monitor.collect_metrics()
            values |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        return Sample(describe_machine()["host"], now, values)


def read_samples(path: Path, after: int) -> list[Sample]:
    """Read another machine's samples that are later than a given time, up to the first incomplete row.

    Args:
        path: the path of the file; if it is missing, there are no samples.
        after: the time in milliseconds since 1970.
    """
    samples = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row: dict[str, Any] = json.loads(line)
            sample = Sample(str(row["host"]), int(row["time"]), dict(row["values"]))
        except (ValueError, TypeError, KeyError):
            break
        samples.append(sample)
    return [sample for sample in samples if sample.time > after]
