"""Make the extractor that scores are computed with: extractor/ (its weights and its card)."""

from stages.common.cli import run_command
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.extractor.params import SECTION
from stages.scores.card import write_card
from stages.scores.extractor_zoo import load_extractor_module


def main() -> None:
    """Train the extractor, or download its published weights."""
    params = load_section(SECTION, "extractor")
    write_card(load_extractor_module(params.name).make(params.options, configure_compute()))


if __name__ == "__main__":
    run_command(main, __doc__)
