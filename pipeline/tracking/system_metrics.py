"""Metrics of the machine while a trial trains, sampled by MLflow's own monitors."""

import contextlib

from mlflow.entities import Metric
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from pipeline.tracking.runs import now_milliseconds


class SystemMetrics:
    """Samples CPU, memory, disk and network, and the GPU if there is one and its library is installed."""

    def __init__(self) -> None:
        self._monitors: list[BaseMetricsMonitor] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with contextlib.suppress(ImportError, RuntimeError):
            self._monitors.append(GPUMonitor())

    def sample(self, start: int) -> list[Metric]:
        """Sample all metrics, named as MLflow's UI expects: `system/cpu_utilization_percentage` and so on.

        The step of a sample is the seconds since the run's start, which is in milliseconds.
        """
        now = now_milliseconds()
        metrics = []
        for monitor in self._monitors:
            monitor.collect_metrics()
            for key, value in monitor.aggregate_metrics().items():
                metrics.append(Metric(f"system/{key}", value, now, (now - start) // 1000))
            monitor.clear_metrics()
        return metrics
