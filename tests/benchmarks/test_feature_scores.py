"""The benchmark of scores times the same quantity for every library that has it."""

import math

import pytest

from benchmarks.feature_scores import OURS, make_jobs
from benchmarks.scores import draw_features


def test_every_score_is_timed_and_agrees_with_those_that_have_it() -> None:
    jobs = make_jobs(100, draw_features)
    assert {"KID", "precision and recall", "density and coverage", "authenticity", "C_T", "CMMD"} == set(jobs)
    values = {title: {name: job() for name, job in by_name.items()} for title, by_name in jobs.items()}
    assert all(math.isfinite(value) for by_name in values.values() for value in by_name.values())
    for title, by_name in values.items():
        # torch-fidelity computes KID in float32 here, which is its default.
        margin = 1e-4 if title == "KID" else 1e-6
        assert all(value == pytest.approx(by_name[OURS], abs=margin) for value in by_name.values())


def test_frechet_distances_are_those_of_dinov2s_and_sfids_numbers_of_features() -> None:
    assert set(make_jobs(1100, draw_features)) - set(make_jobs(100, draw_features)) == {"FD-DINOv2"}
