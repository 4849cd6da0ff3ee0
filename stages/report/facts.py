"""What the report tells in words: the protocol, the settings, the orders, the time it took."""

from typing import Any

from stages.report.inputs import Results
from stages.report.published import name_gan
from stages.report.ranking import compare_with_published
from stages.report.scores import METRICS, rank_gans
from stages.report.table import SOURCES

SOURCE_TITLES = {"report": "the report's Table 1", "miyato2018": "Miyato et al. 2018, Table 2"}


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
                "agreements": {title: agreement.show() for title, agreement in agreements.items()},
                "kendall_tau": {title: agreement.tau for title, agreement in agreements.items()},
            }
        )
    return orders


def list_protocol(results: Results) -> list[tuple[str, str]]:
    """List what the scores were made with, as names and values."""
    data, card, protocol, real = results.data, results.card, results.protocol, results.real
    counts = ", ".join(f"{split['count']} {name}" for name, split in data["splits"].items())
    facts = [
        (
            "Data set",
            f"{data['dataset']}, {data['channels']} x {data['image_size']} x {data['image_size']} ({counts})",
        ),
        ("Source", f"{data['source']['kind']}: {data['source']['location']}; {data['source']['checked']}"),
        ("Licence", data["licence"]),
        ("Extractor", f"{card['name']}: {card['title']}"),
        ("Its features and classes", f"{card['feature_dimension']} and {card['class_count']}"),
    ]
    if card.get("test_accuracy") is not None:
        facts.append(("Its accuracy", f"{card['test_accuracy']:.2%} of {card['test_count']} test images"))
    facts += [
        ("Its weights' sha256", protocol["weights_sha256"]),
        ("Images a snapshot", str(protocol["sample_count"])),
        ("Inception Score", f"{protocol['splits']} splits, shuffled with seed {protocol['shuffle_seed']}"),
        (
            "FID",
            f"against all {protocol['reference_count']} images of the {protocol['reference_split']} split",
        ),
        (
            "Real data's row",
            f"Inception Score of the {real['real_split']} split ({real['real_count']}); "
            f"FID of it against the {real['other_split']} split ({real['other_count']})",
        ),
    ]
    return facts + _list_machine(results)


def _list_machine(results: Results) -> list[tuple[str, str]]:
    trainings = [result.training for result in results.legs]
    seconds = sum(training.get("training_seconds", 0.0) for training in trainings)

    def gather(key: str) -> str:
        return ", ".join(sorted({str(training[key]) for training in trainings if key in training}))

    return [
        ("Trained on", f"{gather('device')}, {gather('threads')} threads, torch {gather('torch')}"),
        (
            "Training time",
            f"{seconds / 60:.1f} minutes for {len(trainings)} legs, start-up and scoring not counted",
        ),
    ]


def explain_seeds(results: Results) -> str:
    """Say what the number of seeds lets one conclude."""
    count = len(results.grid.seeds)
    if count == 1:
        return (
            "One seed (n = 1): differences smaller than what another seed would change cannot be told from chance. "
            "± is the deviation over the Inception Score's splits, not over trainings."
        )
    return f"{count} seeds: values are means over seeds of each leg's best, ± the sample standard deviation over seeds."
