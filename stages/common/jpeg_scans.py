"""Find JPEG files whose data end too early; the decoder would paint the rest grey without an error.

libjpeg takes an end marker in the middle of the data for the end of the image, fills what is missing, and only warns;
Pillow drops the warning. Where data end without a marker, Pillow waits for more and raises an error. So the marker is
replaced by bytes that are enough for the decoder to read ahead, and not enough for a part of the image.

Source: ITU-T T.81, annex B, https://www.w3.org/Graphics/JPEG/itu-t81.pdf.
"""

import io
import math
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image

from stages.common.errors import InputError

START, END, SCAN, RESTART_INTERVAL = b"\xff\xd8", 0xD9, 0xDA, 0xDD
# The kinds of frames that are checked: baseline, extended and progressive, all with Huffman codes.
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
# Frames of other kinds, which are rare: lossless, hierarchical, arithmetic codes.
OTHER_FRAMES = (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
# The data of a scan end at a marker; 0xFF before 0 is a byte of data, and D0 to D7 only divide the data.
END_OF_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
RESTARTS = re.compile(rb"\xff[\xd0-\xd7]")
# The decoder reads up to 8 bytes ahead. No code consists of ones only, so these decode to two blocks of 8 x 8 at most.
READ_AHEAD = b"\xff\x00" * 8
COEFFICIENTS = 64
# No decoder needs as many zeros behind the data; files that were not written to their end are filled with them.
FILLED = bytes(32)
UNFINISHED = (
    "it ends with zeros and without an end marker: it was not written completely; save or fetch it again"
)
CUT = "its data end before its last pixel: the file is cut; save or fetch it again"


class Segment(NamedTuple):
    """A segment of a JPEG file: its marker, the bytes behind its length, and the position behind it."""

    marker: int
    body: bytes
    end: int


class Scan(NamedTuple):
    """A scan: its header, its data without the marker behind them, and the number of units between restart markers."""

    header: bytes
    data: slice
    interval: int


class UnknownStructure(Exception):
    """The segments of a file cannot be followed, so that only the decoder can judge it."""


def end_without_marker(content: bytes) -> bytes:
    """Return a JPEG file that the decoder refuses if its data are cut, by an error that it raises itself.

    A file whose data come in several scans, as progressive files do, is checked here and returned unchanged. So is a
    file of any other format. Up to two blocks of 8 x 8 pixels at the very end can be missing without being noticed.

    Args:
        content: the file's bytes, without metadata.

    Raises:
        InputError: the data of the last of several scans are cut, or scans or parts between restart markers are
            missing, or the file ends in zeros.
        OSError: the file is damaged, as the decoder says.
    """
    if not content.startswith(START):
        return content
    if content.endswith(FILLED) and bytes([0xFF, END]) not in content:
        raise InputError(UNFINISHED)
    try:
        frame, scans = _follow(content)
        restarts = [_count_restarts(frame, scan) for scan in scans]
    except (UnknownStructure, IndexError, ZeroDivisionError, struct.error):
        return content
    for scan, expected in zip(scans, restarts, strict=True):
        if expected > 0 and len(RESTARTS.findall(content[scan.data])) < expected:
            raise InputError(CUT)
    end = scans[-1].data.stop
    if _has_all_components(frame, scans[0].header):
        return content[:end] + READ_AHEAD
    _check_scans(frame, scans)
    if not _is_complete(content[:end]):
        raise InputError(CUT)
    return content


def _follow(content: bytes) -> tuple[Segment, list[Scan]]:
    """Return the frame, and all scans up to the end marker, or only the first if it has all that a frame needs."""
    frame, scans, interval = None, [], 0
    for segment in _list_segments(content):
        if segment.marker in (*SEQUENTIAL, PROGRESSIVE):
            frame = segment
        elif segment.marker == RESTART_INTERVAL:
            interval = int.from_bytes(segment.body, "big")
        elif segment.marker == SCAN and frame is not None:
            found = END_OF_DATA.search(content, segment.end)
            if found is None:
                break
            scans.append(Scan(segment.body, slice(segment.end, found.start()), interval))
            # Whatever follows such a scan, it has no pixels.
            if _has_all_components(frame, segment.body):
                return frame, scans
        elif segment.marker in OTHER_FRAMES:
            break
    else:
        if frame is not None and scans:
            return frame, scans
    raise UnknownStructure


def _has_all_components(frame: Segment, header: bytes) -> bool:
    return frame.marker in SEQUENTIAL and header[0] == frame.body[5]


def _count_restarts(frame: Segment, scan: Scan) -> int:
    """Return the number of restart markers in a scan; its units are blocks of one component, or groups of several."""
    if not scan.interval:
        return 0
    height, width, count = struct.unpack_from(">HHB", frame.body, 1)
    factors = {frame.body[6 + 3 * index]: divmod(frame.body[7 + 3 * index], 16) for index in range(count)}
    largest = [max(pair[axis] for pair in factors.values()) for axis in (0, 1)]
    own = factors.get(scan.header[1], (1, 1)) if scan.header[0] == 1 else largest
    # A unit of one component has 8 x 8 of its samples; a unit of several has as many as the finest has in 8 x 8.
    sides = [8, 8] if scan.header[0] == 1 else [8 * factor for factor in largest]
    units = 1
    for size, factor, most, side in zip((width, height), own, largest, sides, strict=True):
        units *= math.ceil(math.ceil(size * factor / most) / side)
    return math.ceil(units / scan.interval) - 1


def _list_segments(content: bytes) -> Iterator[Segment]:
    """List the segments up to the end marker; the data behind the header of a scan are skipped."""
    place = len(START)
    while place + 2 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF or (marker != END and place + 4 > len(content)):
            raise UnknownStructure
        if marker == END:
            return
        if marker == 0xFF:
            place += 1
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        end = place + 2 + length
        if length < 2 or end > len(content):
            raise UnknownStructure
        yield Segment(marker, content[place + 4 : end], end)
        found = END_OF_DATA.search(content, end) if marker == SCAN else None
        place = found.start() if found else end
    raise UnknownStructure


def _check_scans(frame: Segment, scans: list[Scan]) -> None:
    """Refuse a file without some bits of some coefficients, which its scans together give."""
    count = frame.body[5]
    components = frame.body[6 : 6 + 3 * count : 3]
    # The number of lower bits that are still missing, for each coefficient of each component.
    missing = {component: [16] * COEFFICIENTS for component in components}
    for header, _, _ in scans:
        if len(header) != 4 + 2 * header[0]:
            return
        first, last, bits = header[-3:] if frame.marker == PROGRESSIVE else (0, COEFFICIENTS - 1, 0)
        for component in header[1 : 1 + 2 * header[0] : 2]:
            if component not in missing or last >= COEFFICIENTS:
                return
            missing[component][first : last + 1] = [bits & 15] * (last + 1 - first)
    lacking = [number for number, component in enumerate(components) if any(missing[component])]
    if lacking:
        raise InputError(
            f"scans are missing, so that component {lacking[0]} of {count} would be blurred or grey: the file is cut; "
            "save or fetch it again"
        )


def _is_complete(content: bytes) -> bool:
    """Return whether the decoder has read the last of several scans at the end of the data.

    After a whole scan the decoder looks for a marker, and takes any byte at once. Within a scan it takes bytes in
    groups, and gives them back if they are too few for a part of the image. A Pillow that has no such decoder, which is
    private, cannot tell: then nothing is refused.
    """
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    try:
        image.load_prepare()
        tile = image.tile[0]
        decoder = Image._getdecoder(image.mode, tile.codec_name, tile.args, image.decoderconfig)
        decoder.setimage(image.im, tile.extents)
    except (AttributeError, TypeError):
        return True
    content += READ_AHEAD
    taken, _ = decoder.decode(content)
    if taken < len(content):
        return False
    return all(decoder.decode(b"\0")[0] == 1 for _ in range(3))
