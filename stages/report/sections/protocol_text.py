"""What the report tells in words: the protocol, the settings, the orders, the time it took."""

from typing import Any, NamedTuple

from stages.report.published import name_gan, published_length, published_score
from stages.report.results.read import Results
from stages.report.sections.score_tables import SOURCES
from stages.report.statistics.rank_correlation import compare_with_published
from stages.report.statistics.scores import METRICS, Metric, rank_gans

SHOWN_DIGITS = 12
SOURCE_TITLES = {"report": "the report's Table 1", "miyato2018": "Miyato et al. 2018, Table 2"}


class Fact(NamedTuple):
    """One line of the protocol.

    Attributes:
        name: what it is.
        value: as it is shown.
        whole: the whole of a value that is shown shortened, else empty.
    """

    name: str
    value: str
    whole: str = ""


def list_orders(results: Results) -> list[dict[str, Any]]:
    """Give for each metric our order and how it agrees with the published ones."""
    orders = []
    for metric in METRICS:
        values = rank_gans(results, metric)
        agreements = {
            SOURCE_TITLES[name]: compare_with_published(values, source, metric)
            for name, source in SOURCES.items()
        }
        orders.append(
            {
                "metric": metric.title,
                "order": [name_gan(gan) for gan in values],
                "published": {
                    name: _order_published(results, source, metric) for name, source in SOURCES.items()
                },
                "agreements": {title: agreement.show() for title, agreement in agreements.items()},
                "kendall_tau": {title: agreement.tau for title, agreement in agreements.items()},
                "p": {title: agreement.p for title, agreement in agreements.items()},
                "least_p": {title: agreement.least_p for title, agreement in agreements.items()},
            }
        )
    return orders


def _order_published(results: Results, source: str, metric: Metric) -> list[str]:
    """Name the grid's GANs in a published order, the best first."""
    scores = {gan: published_score(source, gan, metric.key) for gan in results.grid.gans}
    known = {gan: score for gan, score in scores.items() if score is not None}
    return [
        name_gan(gan) for gan in sorted(known, key=lambda gan: known[gan], reverse=metric.is_higher_better)
    ]


def list_protocol(results: Results) -> list[Fact]:
    """List what the scores were made with."""
    return [*_list_data(results), *_list_extractor(results), *_list_scoring(results), *_list_machine(results)]


def _list_data(results: Results) -> list[Fact]:
    data, side = results.data, results.data["image_size"]
    counts = ", ".join(f"{split['count']} {name}" for name, split in data["splits"].items())
    source = data["source"]
    return [
        Fact("Data set", f"{results.data_set}, {data['channels']} × {side} × {side} ({counts})"),
        Fact("Homepage", data.get("homepage") or "–"),
        Fact("Source", f"{source['kind']}: {source['location']}; {source['checked']}"),
        Fact("Licence", data["licence"]),
    ]


def _list_extractor(results: Results) -> list[Fact]:
    card, sha256 = results.card, results.protocol["weights_sha256"]
    facts = [
        Fact("Extractor", f"{card['name']}: {card['title']}"),
        Fact("Its features and classes", f"{card['feature_dimension']} and {card['class_count']}"),
        Fact("Its weights’ SHA-256", f"{sha256[:SHOWN_DIGITS]}…", whole=sha256),
    ]
    if card.get("test_accuracy") is not None:
        facts.append(Fact("Its accuracy", f"{card['test_accuracy']:.2%} of {card['test_count']} test images"))
    return facts


def _list_scoring(results: Results) -> list[Fact]:
    protocol, real = results.protocol, results.real
    return [
        Fact("Images a snapshot", str(protocol["sample_count"])),
        Fact(
            "Inception Score", f"{protocol['splits']} splits, shuffled with seed {protocol['shuffle_seed']}"
        ),
        Fact(
            "FID",
            f"{protocol['fid_sample_count']} images against {protocol['reference_count']} of the "
            f"{protocol['reference_split']} split; its interval is of these numbers of images",
        ),
        Fact(
            "KID, precision, recall, density, coverage",
            f"{protocol['compared_count']} images of either kind; {protocol['kid_subsets']} subsets of "
            f"{protocol['kid_subset_size']}; {protocol['precision_recall_neighbours']} and "
            f"{protocol['density_coverage_neighbours']} neighbours",
        ),
        Fact(
            "Real data’s row",
            f"{real['other_count']} images of the {real['other_split']} split, scored as generated ones are",
        ),
    ]


def _list_machine(results: Results) -> list[Fact]:
    trainings = [result.training for result in results.trials if not result.is_missing]
    seconds = sum(training["training_seconds"] for training in trainings)

    def gather(key: str) -> str:
        return ", ".join(sorted({str(training[key]) for training in trainings if key in training})) or "–"

    return [
        Fact("Trained on", f"{gather('device')}, {gather('threads')} threads, torch {gather('torch')}"),
        Fact(
            "Training time",
            f"{seconds / 60:.1f} minutes for {len(trainings)} trial{'s' if len(trainings) > 1 else ''}, start-up and "
            "scoring not counted",
        ),
    ]


def explain_seeds(results: Results) -> str:
    """Say what the number of seeds lets one conclude."""
    count = len(results.grid.seeds)
    if count == 1:
        return (
            "One seed (n = 1): differences smaller than what another seed would change cannot be told from chance. "
            "± is the deviation over the Inception Score's splits, not over trainings, and an interval in brackets is "
            "over draws of images from one generator."
        )
    return (
        f"{count} seeds: values are means over seeds of each trial's best, ± the sample standard deviation over seeds, "
        "in brackets Student's 95 % interval of the mean."
    )


def list_limits(results: Results) -> list[str]:
    """Say what the comparison cannot show, in its own numbers."""
    seeds, protocol = len(results.grid.seeds), results.protocol
    ends = [trial.points[-1] for trial in results.trials if trial.points]
    longest = max(ends, key=lambda point: point.generator_step, default=None)
    length = published_length()
    steps = length.epochs * (length.train_images // length.batch_size)
    limits = [
        f"{seeds} seed{'s' if seeds > 1 else ''}: "
        + (
            f"an interval of {seeds} values is wide, and rests on their being normally distributed."
            if seeds > 1
            else "no interval over trainings, and no claim that rests on one can be settled."
        ),
        f"Scores are of the {results.card['name']} extractor with {protocol['sample_count']} images a point. FID is "
        "too high at any finite number of images, by more the fewer they are, for all GANs nearly alike: orders "
        "compare, levels do not.",
        "The best value over evaluation points and settings is chosen by the score it shows, which flatters every GAN; "
        "the last value does not.",
        "Every GAN has the same generator, data and number of generator steps, not the same computing time, and none "
        "was tuned beyond the settings shown.",
    ]
    if longest is not None:
        limits.insert(
            1,
            f"Trainings are {longest.generator_step:,} generator steps ({longest.epoch:.3g} epochs) long, the report’s "
            f"{steps:,}: what ends best need not be what learns fastest.",
        )
    return limits
