"""What a person at a terminal sees of a run: bars, scores and a table. The log goes to a file and to Prefect."""

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
# Prefect has handlers for the terminal on these loggers and on the root.
LOGGERS = ("", "prefect", "prefect.flow_runs", "prefect.task_runs")
RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class Terminal:
    """The terminal of this process; a process without one, or that serves runs of others, shows log lines as they come.

    Attributes:
        console: writes to it; bars and lines have to go through the same one, or they tear each other.
        is_quiet: whether it shows bars and scores instead of the log.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.is_quiet = False

    def print(self, text: str) -> None:
        """Print a line above the bars; nothing where the log is shown instead."""
        if self.is_quiet:
            self.console.print(text, markup=False, soft_wrap=True)


TERMINAL = Terminal()


@contextmanager
def quiet_terminal() -> Iterator[Path | None]:
    """Show bars and scores instead of the log for a `with` block, if standard error is a terminal.

    Yields:
        The file that gets the log; None where the log is shown.
    """
    if not sys.stderr.isatty():
        yield None
        return
    LOG_FILE.parent.mkdir(exist_ok=True)
    # The runs before keep their logs under a number.
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
    """Tell whether a quiet terminal shows a record: a warning, but none of a stage's failure, which is shown anyway."""
    return record.levelno >= logging.WARNING and not record.exc_info and record.name != "prefect.task_runs"


def find_console_handlers() -> list[PrefectConsoleHandler]:
    """List the handlers that write Prefect's log to the terminal."""
    found = [handler for name in LOGGERS for handler in logging.getLogger(name).handlers]
    return [handler for handler in found if isinstance(handler, PrefectConsoleHandler)]
