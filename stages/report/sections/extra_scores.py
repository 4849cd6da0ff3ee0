"""Build the table of the scores that `scores.extra` switches on; it is empty if there are none."""

from statistics import fmean

from stages.report.model.report import Row
from stages.report.model.sections import ExtraColumn, ExtraSection
from stages.report.published import REAL, name_gan
from stages.report.results.all_results import Results
from stages.report.results.extra_scores import Values

COLUMNS = (
    ExtraColumn("authenticity", "Authenticity", 3),
    ExtraColumn("ct", "C_T", 2),
    ExtraColumn("ct_null_deviation", "its deviation without copying", 2),
    ExtraColumn("cmmd", "CMMD", 3),
    ExtraColumn("sfid", "sFID", 1),
    ExtraColumn("intra_fid", "FID by class", 1),
    ExtraColumn("intra_fid_highest", "highest of a class", 1),
)


def build_extra_scores(results: Results) -> ExtraSection:
    """Build the section on further scores.

    Returns:
        `rows` for real data, every GAN under every setting at the end of its trainings, and entries: `gan`, `name`,
        `setting`, `seeds`, and for each score the mean over seeds under its key, with the lowest and the highest under
        `<key>_low` and `<key>_high`; None where a training failed or the score has no value.
    """
    extra, rows = results.extra_scores, []
    if extra.keys:
        rows.append(_make_row(REAL, "Real data", None, [extra.real], extra.keys))
    for gan in results.grid.gans if extra.keys else ():
        for setting in results.grid.settings_used:
            found = [extra.trials.get(one.trial) for one in results.select_trials(gan, setting)]
            rows.append(_make_row(gan, name_gan(gan), setting, found, extra.keys))
    for entry in results.entries if extra.keys else ():
        values: list[Values | None] = list(extra.entries.get(entry.name, ()))
        rows.append(_make_row(entry.row_name, entry.title, None, values, extra.keys))
    return ExtraSection(tuple(column for column in COLUMNS if column.key in extra.keys), tuple(rows))


def _make_row(
    gan: str, name: str, setting: str | None, seeds: list[Values | None], keys: tuple[str, ...]
) -> Row:
    row: Row = {"gan": gan, "name": name, "setting": setting, "seeds": len(seeds)}
    for key in keys:
        values = [None if one is None else one[key] for one in seeds]
        known = [value for value in values if value is not None]
        is_whole = len(known) == len(values) > 0
        row[key] = fmean(known) if is_whole else None
        row |= {
            f"{key}_low": min(known) if is_whole else None,
            f"{key}_high": max(known) if is_whole else None,
        }
    return row
