"""What came of a flow, in words; and the last look that nothing was left to do."""

import re

from pipeline.flow.graph import Graph, name_trial
from pipeline.flow.schedule import End, Outcome
from pipeline.flow.warm import Warm

RUNNING = re.compile(r"^Running stage '(?P<stage>.*)':$")
LAST_LOOK = "dvc repro"


def confirm_nothing_left(warm: Warm, graph: Graph) -> dict[str, End]:
    """Have DVC reproduce it all once more; it must find nothing to do.

    Returns:
        Nothing; or the failure of this last look.
    """
    lines: list[str] = []
    needed = frozenset[str]().union(*graph.needs.values())
    last = [stage for stage in graph.needs if stage not in needed]
    code = warm.run("dvc", "--wait-for-lock", "repro", *last, show=lines.append)
    left = [found["stage"] for line in lines if (found := RUNNING.match(line))]
    if code == 0 and not left:
        return {}
    what = f"still found work: {', '.join(left)}" if left else "failed: " + "\n".join(lines[-5:])
    return {LAST_LOOK: End(Outcome.FAILED, f"the last `{LAST_LOOK}` {what}")}


def name_failures(ends: dict[str, End]) -> list[str]:
    """Name what failed and why, a line each."""
    return [f"{stage}: {end.reason}" for stage, end in ends.items() if end.outcome is Outcome.FAILED]


def describe(ends: dict[str, End], failures: list[str]) -> str:
    """Say what came of a flow: how many stages, which trials failed and why, what was not started."""
    counts = {outcome: sum(end.outcome is outcome for end in ends.values()) for outcome in Outcome}
    trials = {trial for stage in ends if (trial := name_trial(stage))}
    whole = {
        trial
        for trial in trials
        if all(end.is_good for stage, end in ends.items() if name_trial(stage) == trial)
    }
    done = (
        f"{len(whole)} of {len(trials)} trials done; "
        f"{counts[Outcome.RUN]} stages run, {counts[Outcome.CACHED]} cached"
    )
    if not failures:
        return done
    skipped = [stage for stage, end in ends.items() if end.outcome is Outcome.SKIPPED]
    not_started = f"\nNot started: {', '.join(skipped)}" if skipped else ""
    return f"{done}, {len(failures)} failed.\n" + "\n".join(failures) + not_started
