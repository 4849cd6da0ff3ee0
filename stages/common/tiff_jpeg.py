"""Find TIFF files whose pixels are compressed as JPEG and end too early; libtiff drops the decoder's warning."""

import io
import struct

from PIL import Image

from stages.common.errors import InputError
from stages.common.jpeg_scans import CUT, END, START, end_without_marker
from stages.common.tiff_tags import Directory, read_directory, read_integers

COMPRESSION, JPEG, TABLES = 259, 7, 347
# The tags of the positions and of the sizes of strips, and those of tiles.
PARTS = ((273, 279), (324, 325))


def check_jpeg_parts(content: bytes) -> None:
    """Decode each strip or tile of a TIFF file by itself, to find those that are cut.

    Args:
        content: a file of any format; only a TIFF file with this compression is checked.

    Raises:
        InputError: a part is cut or damaged.
    """
    directory = read_directory(content)
    if directory is None or read_integers(content, directory, COMPRESSION) != (JPEG,):
        return
    tables = _read_tables(content, directory)
    for positions, sizes in PARTS:
        places = read_integers(content, directory, positions)
        for place, size in zip(places, read_integers(content, directory, sizes), strict=False):
            _check_part(tables, content[place : place + size])


def _check_part(tables: bytes, part: bytes) -> None:
    try:
        whole = end_without_marker(START + tables + part.removeprefix(START))
        Image.open(io.BytesIO(whole), formats=("JPEG",)).load()
    except OSError:
        raise InputError(CUT) from None


def _read_tables(content: bytes, directory: Directory) -> bytes:
    """Return the tables that all parts share, without the markers around them; b"" where there are none."""
    for entry in directory.entries:
        if struct.unpack_from(directory.order + "H", entry) == (TABLES,):
            code = "QQ" if directory.width == 8 else "II"
            count, offset = struct.unpack_from(directory.order + code, entry, 4)
            tables: bytes = content[offset : offset + count]
            return tables.removeprefix(START).removesuffix(bytes([0xFF, END]))
    return b""
