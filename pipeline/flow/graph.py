"""The graph of stages, read from DVC: which there are, what each needs, and which are stale."""

import json
import re
from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import NamedTuple

from pipeline.flow.warm import Warm, capture

# dvc dag --dot writes a line an edge, from what is needed to what needs it, and a line a stage.
EDGE = re.compile(r'^"(?P<need>[^"]+)"\s*->\s*"(?P<stage>[^"]+)";$')
NODE = re.compile(r'^"(?P<stage>[^"]+)";$')


class Graph(NamedTuple):
    """The stages of dvc.yaml.

    Attributes:
        needs: what each stage needs directly, in an order in which they can run.
    """

    needs: dict[str, frozenset[str]]

    def upstream(self, stages: Iterable[str]) -> set[str]:
        """Name stages and all they need, directly or not."""
        found: set[str] = set()
        waiting = list(stages)
        while waiting:
            stage = waiting.pop()
            if stage not in found:
                found.add(stage)
                waiting += self.needs[stage]
        return found

    def downstream(self, stages: Iterable[str]) -> set[str]:
        """Name stages and all that need them, directly or not."""
        found = set(stages)
        for stage, needs in self.needs.items():
            if needs & found:
                found.add(stage)
        return found

    def restrict(self, stages: set[str]) -> "Graph":
        """Return the part of the graph that has these stages only."""
        return Graph({stage: needs & stages for stage, needs in self.needs.items() if stage in stages})


def read_graph(warm: Warm) -> Graph:
    """Read the graph of the whole of dvc.yaml.

    Raises:
        ValueError: DVC refuses dvc.yaml or params.yaml; says why.
    """
    return parse_graph(capture(warm, "dvc", "--wait-for-lock", "dag", "--dot"))


def parse_graph(text: str) -> Graph:
    """Parse what `dvc dag --dot` prints.

    Raises:
        ValueError: there is no stage in it.
    """
    needs: dict[str, set[str]] = {}
    for line in map(str.strip, text.splitlines()):
        if edge := EDGE.match(line):
            needs.setdefault(edge["need"], set())
            needs.setdefault(edge["stage"], set()).add(edge["need"])
        elif node := NODE.match(line):
            needs.setdefault(node["stage"], set())
    if not needs:
        raise ValueError(f"DVC names no stage of dvc.yaml: {text.strip()[:300]}")
    # Sorted, since a set's own order changes from process to process.
    order = TopologicalSorter({stage: sorted(needs[stage]) for stage in needs}).static_order()
    return Graph({stage: frozenset(needs[stage]) for stage in order})


def find_stale(warm: Warm, graph: Graph) -> set[str]:
    """Name the stages that DVC finds changed, and those that need them; all others are up to date.

    Raises:
        ValueError: DVC failed; says why.
    """
    text = capture(warm, "dvc", "--wait-for-lock", "status", "--json")
    # What DVC says of locks and such may come before.
    changed = json.loads(text[text.index("{") :])
    return graph.downstream(stage for stage in changed if stage in graph.needs)


def name_trial(stage: str) -> str:
    """Name the trial that a stage of DVC's matrix is of: `sngan-A-0` of `train@sngan-A-0`; nothing of a shared one."""
    return stage.partition("@")[2]
