"""Describe the protocol of the scores in lines of text: data set, extractor, scoring and machine."""

from stages.report.formatting import NONE, capitalise, format_percent, pluralise
from stages.report.model.sections import Fact
from stages.report.results.all_results import Results
from stages.report.sections.discriminator_steps import describe_discriminator_steps
from stages.report.statistics.metrics import INCEPTION_SCORE, NO_CLASSES

SHOWN_DIGITS = 12


def list_protocol_facts(results: Results) -> tuple[Fact, ...]:
    """List the facts of the protocol of the scores."""
    return (
        *_list_data(results),
        *_list_extractor(results),
        *_list_scoring(results),
        Fact("Discriminator steps", describe_discriminator_steps(results)),
        *_list_machine(results),
    )


def _list_data(results: Results) -> list[Fact]:
    data, side = results.data, results.data["image_size"]
    counts = ", ".join(f"{split['count']:,} {name}" for name, split in data["splits"].items())
    source = data["source"]
    return [
        Fact("Data set", f"{results.data_set}, {data['channels']} × {side} × {side} ({counts})"),
        Fact("Homepage", data.get("homepage") or NONE),
        Fact("Source", f"{source['kind']}: {source['location']}; {source['checked']}"),
        Fact("SHA-256 of its content", f"{data['sha256'][:SHOWN_DIGITS]}…", full_value=data["sha256"]),
        Fact("Licence", data["licence"]),
    ]


def _list_extractor(results: Results) -> list[Fact]:
    card, sha256 = results.card, results.protocol["weights_sha256"]
    facts = [
        Fact("Extractor", f"{card['name']}: {card['title']}"),
        Fact("Its features", f"{card['feature_dimension']}"),
        Fact("Its classes", NONE if card["class_count"] is None else f"{card['class_count']}"),
        Fact("SHA-256 of its weights", f"{sha256[:SHOWN_DIGITS]}…", full_value=sha256),
    ]
    if card.get("test_accuracy") is not None:
        accuracy = format_percent(card["test_accuracy"], digits=2)
        facts.append(Fact("Its accuracy", f"{accuracy} of {pluralise(card['test_count'], 'test image')}"))
    return facts


def _list_scoring(results: Results) -> list[Fact]:
    protocol, real = results.protocol, results.real
    score = results.find_metric(INCEPTION_SCORE.key)
    splits = f"{pluralise(protocol['splits'], 'split')}, shuffled with seed {protocol['shuffle_seed']}"
    return [
        Fact(
            "Primary score, before any run",
            "a seed's mean over settings of the logarithm at the last evaluation point; the seed is the replicate"
            if len(results.grid.seeds) > 1
            else "the mean over settings of the logarithm at the last evaluation point",
        ),
        Fact("Images per snapshot", f"{protocol['sample_count']:,}"),
        Fact(INCEPTION_SCORE.title, f"none: {NO_CLASSES}")
        if score is None
        else Fact(capitalise(score.title), splits),
        Fact(
            capitalise(results.distance.title),
            f"{protocol['fid_sample_count']:,} images against {protocol['reference_count']:,} of the "
            f"{protocol['reference_split']} split; its interval is of these numbers of images",
        ),
        Fact(
            "KID, precision, recall, density, coverage",
            f"{protocol['compared_count']:,} images of either kind; "
            f"{pluralise(protocol['kid_subsets'], 'subset')} of {protocol['kid_subset_size']}; "
            f"{protocol['precision_recall_neighbours']} and {protocol['density_coverage_neighbours']} neighbours",
        ),
        Fact(
            "Row of real data",
            f"{pluralise(real['other_count'], 'image')} of the {real['other_split']} split, scored as generated images "
            "are",
        ),
    ]


def _list_machine(results: Results) -> list[Fact]:
    trainings = [result.training for result in results.trials if not result.is_missing]

    def join_values(key: str) -> str:
        return ", ".join(sorted({str(training[key]) for training in trainings if key in training})) or NONE

    return [
        Fact(
            "Trained on",
            f"{join_values('device')}, threads: {join_values('threads')}, torch {join_values('torch')}",
        ),
    ]
