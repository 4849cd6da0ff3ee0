"""Show bars, scores and a table on a terminal, while the log goes to a file and to Prefect."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console

LOG_FILE = Path("logs/compare.log")
KEPT_LOGS = 9
# Prefect has handlers for the terminal on these loggers; "" is the root logger.
LOGGERS = ("", "prefect", "prefect.flow_runs", "prefect.task_runs")
RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class Terminal:
    """The terminal of this process; a process without a terminal, or one that serves deployments, shows the log.

    Attributes:
        console: rich's console. Bars and lines must share one console, or they would overwrite each other.
        is_quiet: whether the terminal shows bars and scores instead of the log.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.is_quiet = False

    def print(self, text: str) -> None:
        """Print a line above the bars; print nothing if the log is shown instead."""
        if self.is_quiet:
            self.console.print(text, markup=False, soft_wrap=True)


TERMINAL = Terminal()


@contextmanager
def quiet_terminal() -> Iterator[Path | None]:
    """Show bars and scores instead of the log for a `with` block, if standard error is a terminal.

    Yields:
        The path of the log file; None if the log is shown.
    """
    if not sys.stderr.isatty():
        yield None
        return
    LOG_FILE.parent.mkdir(exist_ok=True)
    # The logs of earlier runs are kept under numbered names.
    log = RotatingFileHandler(LOG_FILE, backupCount=KEPT_LOGS, encoding="utf-8", delay=True)
    if LOG_FILE.exists():
        log.doRollover()
    log.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    handlers = find_console_handlers()
    for name in RUN_LOGGERS:
        logging.getLogger(name).addHandler(log)
    for handler in handlers:
        handler.console = TERMINAL.console
        handler.addFilter(is_for_the_terminal)
    TERMINAL.is_quiet = True
    try:
        yield LOG_FILE
    finally:
        TERMINAL.is_quiet = False
        for handler in handlers:
            handler.removeFilter(is_for_the_terminal)
        for name in RUN_LOGGERS:
            logging.getLogger(name).removeHandler(log)
        log.close()


def is_for_the_terminal(record: logging.LogRecord) -> bool:
    """Tell whether a quiet terminal shows a record: warnings, except failures of stages, which are printed anyway."""
    return record.levelno >= logging.WARNING and not record.exc_info and record.name != "prefect.task_runs"


def find_console_handlers() -> list[PrefectConsoleHandler]:
    """List the handlers that write Prefect's log to the terminal."""
    found = [handler for name in LOGGERS for handler in logging.getLogger(name).handlers]
    return [handler for handler in found if isinstance(handler, PrefectConsoleHandler)]
