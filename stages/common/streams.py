"""Make printing safe: no text, closed terminal or full disk can turn a print into an error that loses results.

A program may be started with its standard streams closed. The first files that it opens then get the descriptors 0 to
2, and the output of a library would be written into them. Besides, a terminal may not use UTF-8, its window may be
closed, the reader of a pipe may end early, and the disk that holds a log may be full.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

ESCAPED = "backslashreplace"


class OutputFile(io.FileIO):
    """The raw file of an output stream, which drops data that cannot be written.

    Attributes:
        error: the error of the last write that was dropped; None where none was.
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write data, or drop it and record the error; return the number of bytes."""
        try:
            return super().write(data) or 0
        except OSError as error:
            self.error = error
            return len(data)


def secure_streams() -> None:
    """Open the standard streams that are closed, and replace the output streams by ones that never raise.

    Characters that the encoding of a stream lacks are escaped; the encoding itself stays the user's.
    """
    closed = [_open_null_device(descriptor) for descriptor in range(3)]
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  It stays open.
    sys.stdout = _secure_output(sys.stdout, sys.__stdout__, 1, closed[1])
    sys.stderr = _secure_output(sys.stderr, sys.__stderr__, 2, closed[2])


def print_result(text: str) -> None:
    """Print the result of a command.

    Raises:
        OSError: standard output is closed, or the text could not be written completely.
    """
    print(text, flush=True)
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(file, OutputFile) and file.error is not None:
        raise OSError(file.error.errno, file.error.strerror, "standard output")


def _open_null_device(descriptor: int) -> bool:
    """Open the null device at a descriptor that is closed, and return whether it was closed."""
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
        # A test or a notebook has replaced the stream.
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
