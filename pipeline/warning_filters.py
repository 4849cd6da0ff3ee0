"""Keep warnings of libraries from ending a command: the user's `PYTHONWARNINGS=error` is meant for other programs."""

import os
import sys
import warnings

VARIABLE = "PYTHONWARNINGS"
ERROR = "error"


def drop_error_filters() -> None:
    """Let no warning be an error in the command that `python -m` is starting, nor in what the command starts.

    DVC, Prefect and MLflow warn of their own code, which no user of ours can change. Other filters that the user has
    set stay. A package calls this when it is imported; it changes nothing where another program imports the package.
    """
    if sys.argv[:1] != ["-m"] or not any(map(_is_error, sys.warnoptions)):
        return
    sys.warnoptions[:] = [option for option in sys.warnoptions if not _is_error(option)]
    given = os.environ.get(VARIABLE, "").split(",")
    os.environ[VARIABLE] = ",".join(option for option in given if not _is_error(option))
    warnings.filters[:] = [entry for entry in warnings.filters if entry[0] != ERROR]  # type: ignore[index]
    # Python remembers what it has decided until a filter is added; this one says what holds without it.
    warnings.simplefilter("default", append=True)


def _is_error(option: str) -> bool:
    """Tell whether a filter, such as `error::UserWarning`, makes errors; Python takes any beginning of the word."""
    action = option.partition(":")[0].strip()
    return bool(action) and ERROR.startswith(action)
