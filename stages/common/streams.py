"""Standard streams that neither a text nor what is at their other end can break: no result is lost to a print.

A program may be started with its standard streams closed. The first files that it opens then get the numbers 0 to 2,
and whatever a library prints goes into them. A terminal may not be in UTF-8, its window may be closed, the reader of a
pipe may end early, and the disk with a log may be full.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

ESCAPED = "backslashreplace"


class OutputFile(io.FileIO):
    """The file of an output stream; what it does not take is dropped.

    Attributes:
        error: why something was dropped; None where nothing was.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write data, or drop it."""
        try:
            return super().write(data) or 0
        except OSError as error:
            self.error = error
            return len(data)


def secure_streams() -> None:
    """Open those of the standard streams that are closed, and let printing never raise.

    What the encoding of a stream cannot say is escaped; the encoding itself stays as the user has it.
    """
    closed = [_open_null_device(descriptor) for descriptor in range(3)]
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  It stays open.
    sys.stdout = _secure_output(sys.stdout, sys.__stdout__, 1, closed[1])
    sys.stderr = _secure_output(sys.stderr, sys.__stderr__, 2, closed[2])


def print_result(text: str) -> None:
    """Print a text that is the result of a command.

    Raises:
        OSError: standard output is closed, or did not take all of it.
    """
    print(text, flush=True)
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(file, OutputFile) and file.error is not None:
        raise OSError(file.error.errno, file.error.strerror, "standard output")


def _open_null_device(descriptor: int) -> bool:
    """Open the null device at a number if nothing is open there, and return whether that was so."""
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null == descriptor:
            os.set_inheritable(null, True)
        else:
            os.dup2(null, descriptor)
            os.close(null)
        return True
    return False


def _secure_output(
    stream: TextIO | None, original: TextIO | None, descriptor: int, is_closed: bool
) -> TextIO:
    if stream is not None and stream is not original:
        # Somebody else's, such as a test's or a notebook's.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPED)
        return stream
    file = OutputFile(descriptor, "w", closefd=False)
    if is_closed:
        file.error = OSError(errno.EBADF, os.strerror(errno.EBADF))
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors=ESCAPED,
        line_buffering=descriptor == 2 or file.isatty(),
        write_through=getattr(stream, "write_through", False),
    )
