"""Validate every section of params.yaml with the typed model of the package that owns it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from stages.ablation.params import AblationParams
from stages.common.compute import ComputeParams
from stages.common.grid import NAMES, Grid, Letter
from stages.common.params import Params, find_faults, load_section, suggest_name
from stages.entry.params import Entry
from stages.extractor.params import SECTION as EXTRACTOR_SECTION
from stages.lipschitz.params import LipschitzParams
from stages.nearest.params import NeighboursParams
from stages.networks.gan import load_gan_module
from stages.networks.params import NetworksParams
from stages.prepare.params import PrepareParams
from stages.reference.params import ReferenceParams
from stages.report.params import ReportParams
from stages.sample.params import SampleParams
from stages.scores.params import ScoresParams
from stages.train.params import Setting, TrainParams

SECTIONS: dict[str, type[Params]] = {
    "compute": ComputeParams,
    "prepare": PrepareParams,
    "networks": NetworksParams,
    "train": TrainParams,
    "extractor": EXTRACTOR_SECTION,
    "reference": ReferenceParams,
    "sample": SampleParams,
    "lipschitz": LipschitzParams,
    "neighbours": NeighboursParams,
    "ablation": AblationParams,
    "scores": ScoresParams,
    "report": ReportParams,
}
GRID_KEYS = tuple(Grid.model_fields)
LETTERS = TypeAdapter(list[Letter], config=Params.model_config)
GANS_FOLDER = Path("stages/gans")

Content = Mapping[str, Any]


def list_gans() -> list[str]:
    """List the names of the GANs, which are the files of stages/gans/."""
    return sorted(path.stem for path in GANS_FOLDER.glob("*.py") if path.stem != "__init__")


def find_unknown_keys(content: Content) -> list[str]:
    """List the top-level keys that no package owns."""
    allowed = [*GRID_KEYS, "settings", "options", "entries", *SECTIONS]
    return [
        f"{key} is unknown{suggest_name(key, allowed)}: there is {', '.join(allowed)}; remove it"
        for key in content
        if key not in allowed
    ]


def find_section_faults(content: Content) -> list[str]:
    """List the keys of the packages' sections that are unknown, missing, of the wrong type or out of range."""
    return [
        fault
        for key, model in SECTIONS.items()
        for fault in find_faults(lambda model=model, key=key: load_section(model, key, content=content), key)  # type: ignore[misc]
    ]


def find_grid_faults(content: Content) -> list[str]:
    """List the faults of gans, settings_used and seeds, including names of GANs and settings that do not exist."""
    lists = {key: content[key] for key in GRID_KEYS if key in content}
    faults = find_faults(lambda: load_section(Grid, content=lists), "")
    if faults:
        return faults
    known, settings = list_gans(), list(_mapping(content, "settings"))
    unknown_gans = [gan for gan in lists["gans"] if gan not in known]
    unknown_settings = [letter for letter in lists["settings_used"] if letter not in settings]
    return [
        f"gans names {gan!r}, but there is no {GANS_FOLDER}/{gan}.py{suggest_name(gan, known)}; there is "
        f"{', '.join(known)}"
        for gan in unknown_gans
    ] + [
        f"settings_used names {letter!r}, which is not under settings; there is {', '.join(map(str, settings))}"
        for letter in unknown_settings
    ]


def find_setting_faults(content: Content) -> list[str]:
    """List the faults of all settings, whether they are used or not."""
    if not _mapping(content, "settings"):
        return ["settings must map letters to Adam's numbers; see presets/default.yaml"]
    faults = find_faults(lambda: LETTERS.validate_python(list(content["settings"])), "settings")
    return faults or [
        fault
        for letter in content["settings"]
        for fault in find_faults(
            lambda letter=letter: load_section(Setting, "settings", letter, content=content),  # type: ignore[misc]
            f"settings.{letter}",
        )
    ]


def find_option_faults(content: Content) -> list[str]:
    """List the faults of all GANs' options, whether they are used or not; a GAN that is used must have options."""
    options, known = _mapping(content, "options"), list_gans()
    used = content.get("gans")
    wanted = [gan for gan in used if gan in known] if isinstance(used, list) else []
    faults = [
        f"options.{gan} is unknown: there is no {GANS_FOLDER}/{gan}.py{suggest_name(gan, known)}; there is "
        f"{', '.join(known)}"
        for gan in options
        if gan not in known
    ]
    faults += [
        f"options.{gan} is missing; add it, {{}} if it has none" for gan in wanted if gan not in options
    ]
    for gan in (gan for gan in options if gan in known):
        model = load_gan_module(gan).Options
        faults += find_faults(
            lambda model=model, gan=gan: load_section(model, "options", gan, content=content),  # type: ignore[misc]
            f"options.{gan}",
        )
    return faults


def find_entry_faults(content: Content) -> list[str]:
    """List the faults of all entries."""
    entries = content.get("entries")
    if not isinstance(entries, Mapping):
        return ["entries must map names to entries of somebody else; without any it is {}"]
    faults = find_faults(lambda: NAMES.validate_python(list(entries)), "entries")
    return faults or [
        fault
        for name in entries
        for fault in find_faults(
            lambda name=name: load_section(Entry, "entries", name, content=content),  # type: ignore[misc]
            f"entries.{name}",
        )
    ]


def _mapping(content: Content, key: str) -> Content:
    section = content.get(key)
    return section if isinstance(section, Mapping) else {}
