"""Compute everything that the report shows from the results, once for all formats."""

from stages.report.claims.all_claims import check_claims, summarise_claims
from stages.report.figures.palette import choose_colour
from stages.report.model.comparisons import Significance
from stages.report.model.pictures import Figures
from stages.report.model.report import Gan, Report
from stages.report.published import SOURCES, name_gan, name_reading, published_study
from stages.report.results.all_results import Results
from stages.report.sections.ablation import build_ablation
from stages.report.sections.answer import write_answer
from stages.report.sections.budget_table import build_budget_table
from stages.report.sections.entries import build_entries, list_entry_cells
from stages.report.sections.extra_scores import build_extra_scores
from stages.report.sections.limits import explain_seeds, list_limits
from stages.report.sections.lipschitz import build_lipschitz
from stages.report.sections.protocol_text import list_protocol_facts
from stages.report.sections.provenance import digest_protocol, trace_sources
from stages.report.sections.ranking import build_orders, rank_gans
from stages.report.sections.score_tables import build_cell_table, build_table1, build_trial_table
from stages.report.statistics.contrasts import POWER, contrast_with_rivals
from stages.report.statistics.intervals import CONFIDENCE, LEVEL
from stages.report.statistics.simulated import find_simulated


def build_report(results: Results, figures: Figures) -> Report:
    """Compute everything that the report shows.

    Args:
        results: the results of all stages.
        figures: the pictures that were drawn from the same results.
    """
    claims = check_claims(results)
    gans, metrics = results.grid.gans, results.metrics
    contrasts = tuple(contrast_with_rivals(results, metric) for metric in metrics)
    rankings = tuple(rank_gans(results, metric) for metric in metrics)
    return Report(
        title=results.title,
        answer=write_answer(results, contrasts, rankings),
        reading=name_reading(results.settings, results.options),
        data_set=results.data_set,
        image_size=results.data["image_size"],
        extractor=results.card["name"],
        gans=tuple(Gan(gan, name_gan(gan), choose_colour(gan, gans)) for gan in gans),
        settings=results.settings,
        seeds=tuple(results.grid.seeds),
        missing=tuple(results.missing),
        metrics={metric.key: metric for metric in metrics},
        sources=SOURCES,
        study=published_study(),
        significance=Significance(CONFIDENCE, LEVEL, POWER),
        simulated=find_simulated(len(results.grid.seeds)),
        protocol=results.protocol,
        protocol_digest=digest_protocol(results.protocol),
        protocol_facts=list_protocol_facts(results),
        seeds_note=explain_seeds(results),
        limits=list_limits(results),
        table1=build_table1(results),
        cells=build_cell_table(results) + list_entry_cells(results),
        budgets=build_budget_table(results),
        trials=build_trial_table(results),
        orders=build_orders(results),
        contrasts=contrasts,
        rankings=rankings,
        claims=claims,
        claims_summary=summarise_claims(claims, len(results.grid.seeds)),
        ablation=build_ablation(results),
        lipschitz=build_lipschitz(results),
        neighbours=results.neighbours,
        figures=figures,
        provenance=trace_sources(results),
        entries=build_entries(results),
        extra_scores=build_extra_scores(results),
    )
