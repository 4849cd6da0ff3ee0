"""Make the extractor that scores are computed with: extractor/ (its weights and its card)."""

from stages.common.cli import run_command
from stages.common.compute import configure_compute
from stages.common.params import load_section
from stages.extractor.classifier import make_classifier
from stages.extractor.inception import make_inception
from stages.extractor.params import ExtractorParams
from stages.scores.card import write_card


def main() -> None:
    """Train the embedded classifier, or get the Inception weights."""
    params = load_section(ExtractorParams, "extractor")
    if params.name == "classifier":
        card = make_classifier(params.classifier, configure_compute())
    else:
        card = make_inception(params.inception)
    write_card(card)


if __name__ == "__main__":
    run_command(main)
