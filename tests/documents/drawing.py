"""Read the graph of stages in a text: as documents draw it with lines, and as dvc.yaml has it."""

import re
from collections.abc import Iterator
from typing import Any

Graph = set[tuple[str, str]]
"""Pairs of a stage and one that needs it at once."""

# For each character, the directions in which a line goes on that comes from the left, from above or from below.
TURNS = {
    "─": {"left": "right"},
    "│": {"above": "below", "below": "above"},
    "┬": {"left": "right below", "below": "right"},
    "┴": {"left": "right", "above": "right"},
    "├": {"above": "right below", "below": "right above"},
    "└": {"above": "right"},
    "┘": {"left": "above"},
    "┐": {"left": "below"},
    "┌": {"below": "right"},
    "┤": {"left": "above below", "above": "below", "below": "above"},
    "┼": {"left": "right above below", "above": "right below", "below": "right above"},
}
STEPS = {"right": (0, 1, "left"), "below": (1, 0, "above"), "above": (-1, 0, "below")}


def read_drawing(text: str) -> Graph:
    """Read the graph that lines of box-drawing characters draw between words."""
    lines = text.splitlines()
    return {
        (word[0], found)
        for row, line in enumerate(lines)
        for word in re.finditer(r"\w+", line)
        for found in _follow(lines, row, word.end() + 1, "left")
    }


def _follow(lines: list[str], row: int, column: int, side: str) -> Iterator[str]:
    """Follow the line that enters a cell from a side to the words at its ends."""
    cell = lines[row][column] if 0 <= row < len(lines) and column < len(lines[row]) else " "
    if cell == "│" and side == "left":
        # The line passes behind a crossing one.
        yield from _follow(lines, row, column + 1, side)
    for turn in TURNS.get(cell, {}).get(side, "").split():
        down, right, entered = STEPS[turn]
        word = re.match(r" (\w+)", lines[row][column + 1 :])
        if turn == "right" and word:
            yield word[1]
        else:
            yield from _follow(lines, row + down, column + right, entered)


def read_stages(stages: dict[str, Any]) -> Graph:
    """Read the graph of the stages of dvc.yaml, without edges that follow from other edges.

    Args:
        stages: the stages by name. A stage of a matrix counts once; stages for the user's own entries do not count.
    """
    stages = {name: stage for name, stage in stages.items() if "foreach" not in stage}
    made = {
        name: [_cut(out) for out in (*stage["outs"], *stage.get("metrics", []))]
        for name, stage in stages.items()
    }
    graph = {
        (maker, name)
        for name, stage in stages.items()
        for maker, outs in made.items()
        if maker != name and any(_overlap(out, _cut(dep)) for dep in stage["deps"] for out in outs)
    }
    return {
        (first, last)
        for first, last in graph
        if not any((first, name) in graph and _leads(graph, name, last) for name in stages)
    }


def _cut(path: str | dict[str, Any]) -> str:
    """Return the part of a path that is equal for all items of a matrix."""
    return (path if isinstance(path, str) else next(iter(path))).partition("/${")[0]


def _overlap(out: str, dep: str) -> bool:
    return f"{out}/".startswith(f"{dep}/") or f"{dep}/".startswith(f"{out}/")


def _leads(graph: Graph, first: str, last: str) -> bool:
    return any(one == first and (two == last or _leads(graph, two, last)) for one, two in graph)
