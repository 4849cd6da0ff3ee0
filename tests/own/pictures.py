"""Make pictures of classes that can be told apart, in varied sizes, formats and colours."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

KINDS = ("circle", "cross", "stripes", "square", "rings")


def draw(kind: str, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    """Draw a picture of a class, in RGB."""
    width, height = size
    colours = [tuple(int(value) for value in random.integers(low, low + 90, 3)) for low in (0, 160)]
    image = Image.new("RGB", size, colours[0])
    pencil, side = ImageDraw.Draw(image), min(size)
    centre = (width / 2 + random.normal(0, side / 20), height / 2 + random.normal(0, side / 20))
    reach = side * random.uniform(0.28, 0.4)
    box = (centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach)
    line = max(1, round(side / 8))
    if kind == "circle":
        pencil.ellipse(box, fill=colours[1])
    elif kind == "cross":
        pencil.line((box[0], box[1], box[2], box[3]), colours[1], line)
        pencil.line((box[0], box[3], box[2], box[1]), colours[1], line)
    elif kind == "stripes":
        for place in range(0, width, max(2, 2 * line)):
            pencil.line((place, 0, place, height), colours[1], line)
    elif kind == "square":
        pencil.rectangle(box, outline=colours[1], width=line)
    else:
        pencil.ellipse(box, outline=colours[1], width=max(1, line // 2))
    return image


def write_pictures(
    folder: Path, counts: dict[str, int], sizes: tuple[int, int] = (24, 90), seed: int = 0
) -> Path:
    """Write class folders of pictures of different sizes; every third picture is grey, and every other one a JPEG."""
    random = np.random.default_rng(seed)
    for place, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            width, height = (int(side) for side in random.integers(sizes[0], sizes[1] + 1, 2))
            image = draw(KINDS[place % len(KINDS)], (width, height), random)
            if number % 3 == 0:
                image = image.convert("L")
            image.save(folder / name / f"{number}.{'jpg' if number % 2 else 'png'}")
    return folder
