"""What the campaign against clusters reads out of what a flow prints, and how it reports that."""

import pytest

from tests.campaigns.kill_cluster import ClusterRound, tabulate

pytest.importorskip("distributed")
AGAIN = "it is tried again on another worker"


@pytest.mark.parametrize(
    ("reason", "lost", "idle"),
    [
        ("its agent was not there", 0, 1),
        ("its process ended, or is silent", 1, 0),
        ("SLURM job 3: CANCELLED by root (0)", 1, 0),
        ("its agent ended: Killed", 1, 0),
        ("it did not hear of the head for 20 seconds", 1, 0),
    ],
)
def test_an_agent_that_was_lost_between_two_stages_counts_as_no_loss_of_a_stage(
    reason: str, lost: int, idle: int
) -> None:
    round_ = ClusterRound(0, "agent", "SIGKILL", second=3.0)
    round_.count_losses(
        f"began\n19:01 | train@sngan-A-0: the worker on n1 was lost ({reason}); {AGAIN}\nended\n"
    )
    assert (round_.lost, round_.idle) == (lost, idle)
    row = tabulate([round_]).splitlines()[-1]
    assert row == f"| agent | SIGKILL | 1 | 1 | {lost} | {idle} | 0.0 s | 0 |"


def test_a_round_without_losses_has_none() -> None:
    round_ = ClusterRound(1, "head", "SIGKILL")
    round_.count_losses("train@sngan-A-0: run (1 of 8 stages, 0 of 1 trials done)\n")
    assert (round_.lost, round_.idle) == (0, 0)
