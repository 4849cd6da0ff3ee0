"""What the machine does while a trial trains, by MLflow's own collectors."""

import contextlib

from mlflow.entities import Metric
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipeline.tracking.runs import now_milliseconds


class SystemMetrics:
    """Samples CPU, memory, disk, network and, where there is one with its library, GPU."""

    def __init__(self) -> None:
        self._monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        # Neither the library nor a GPU is needed.
        with contextlib.suppress(ImportError, RuntimeError):
            self._monitors.append(GPUMonitor())

    def sample(self, start: int) -> list[Metric]:
        """Take a sample, named as MLflow's UI expects it: `system/cpu_utilization_percentage` and so on.

        Args:
            start: of the run in milliseconds; a sample's step is the seconds since then.
        """
        now = now_milliseconds()
        metrics = []
        for monitor in self._monitors:
            monitor.collect_metrics()
            values = monitor.aggregate_metrics()
            monitor.clear_metrics()
            metrics += [
                Metric(f"system/{key}", value, now, (now - start) // 1000) for key, value in values.items()
            ]
        return metrics
