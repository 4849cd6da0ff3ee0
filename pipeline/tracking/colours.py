"""Set the colours of runs in MLflow's charts: a GAN has the colour that it has in the report's figures."""

from collections.abc import Sequence

from mlflow.entities import Run

from pipeline.tracking.run_data import set_tags
from pipeline.tracking.store import Store
from stages.report.figures.palette import COLOURS, choose_colour

# MLflow's UI reads a run's colour from this tag, and writes the colour that a person chooses to it.
RUN_COLOUR = "mlflow.runColor"


def colour_run(store: Store, run: Run, gan: str, gans: Sequence[str]) -> None:
    """Give a run the colour of its GAN, unless a person has chosen a colour that the report does not use."""
    if run.data.tags.get(RUN_COLOUR, COLOURS[0]) in COLOURS:
        set_tags(store, run, {RUN_COLOUR: choose_colour(gan, gans)})
