"""The registry: an experiment's best generator is a registered model, and `champion` is its alias."""

import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from pipeline.tracking.content import TrialContent
from pipeline.tracking.dataset import name_model
from pipeline.tracking.store import Store
from stages.common.artifacts import MANIFEST, MODELS, hash_file, read_json, snapshot_name
from stages.scores.protocol import list_differences

ALIAS = "champion"
MODEL_FOLDER = "model"
SCRIPT = Path(__file__).with_name("served_generator.py")
# The code that the model takes along, so that it loads where this repository is not.
CODE_PACKAGES = ("common", "networks", "sample")
REQUIREMENTS = ("mlflow", "torch", "numpy", "pydantic", "pyyaml", "safetensors", "pillow")


def crown_champion(
    store: Store, contents: list[TrialContent], runs: dict[str, Run], replace: bool = False
) -> str:
    """Register the comparison's best generator by FID if it beats the present champion.

    Scores of different extractors or protocols do not compare: then the present champion stays, unless its very
    weights were scored anew in this comparison.

    Args:
        store: where.
        contents: the comparison's trials.
        runs: their runs by trial name.
        replace: let the comparison's best take over without beating anyone.

    Returns:
        A line that says what came of it.
    """
    scored = [content for content in contents if "best_fid" in content.best]
    if not scored:
        return "no trial has a score, so there is no champion"
    best = min(scored, key=lambda content: content.best["best_fid"])
    name, weights = name_model(), _hash_best(best)
    champion = find_champion(store, name)
    if champion is not None and champion.tags.get("weights_sha256") == weights:
        return f"champion of {name} is still {best.trial.name} (version {champion.version})"
    if champion is not None and not replace:
        protocol, fid = json.loads(champion.tags["protocol"]), float(champion.tags["fid"])
        for content in scored:
            if _hash_best(content) == champion.tags["weights_sha256"]:
                protocol, fid = content.protocol, content.best["best_fid"]
        differences = list_differences(protocol, best.protocol)
        if differences:
            return (
                f"champion of {name} stays version {champion.version}: its score (one) and this comparison's (the "
                f"other) were made with another protocol, which does not compare: {'; '.join(differences)}; to have "
                f"{best.trial.name} replace it: `python -m pipeline.tracking sync --replace-champion`"
            )
        if best.best["best_fid"] >= fid:
            return (
                f"champion of {name} stays version {champion.version} with FID {fid:.1f}; "
                f"the best here is {best.trial.name} with {best.best['best_fid']:.1f}"
            )
    version = _find_version(store, name, weights) or _register(
        store, name, best, runs[best.trial.name], weights
    )
    store.client.set_registered_model_alias(name, ALIAS, version.version)
    return (
        f"champion of {name} is now {best.trial.name} with "
        f"FID {best.best['best_fid']:.1f} (version {version.version})"
    )


def find_champion(store: Store, name: str) -> ModelVersion | None:
    """Find the version of a registered model that has the alias, or None."""
    try:
        return store.client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _find_version(store: Store, name: str, weights: str) -> ModelVersion | None:
    """Find the version with these weights: of an earlier champion, or registered by a sync that was killed then."""
    versions = store.client.search_model_versions(f"name = '{name}'")
    return next((version for version in versions if version.tags.get("weights_sha256") == weights), None)


def save_generator(content: TrialContent, folder: Path) -> None:
    """Save the trial's best generator by FID as an MLflow model that needs nothing of this repository.

    Args:
        content: the trial.
        folder: does not exist yet.
    """
    manifest = read_json(MODELS / content.trial.name / MANIFEST, "train")
    channels, height, width = manifest["image_shape"]
    facts = {
        "image_shape": manifest["image_shape"],
        "networks": content.lineage.params["networks"],
        "gan": content.trial.gan,
        "setting": content.trial.setting,
        "seed": content.trial.seed,
        # Of a conditional GAN alone, whose images may be asked for by class.
        **{key: manifest[key] for key in ("class_names",) if key in manifest},
    }
    label = [ColSpec(DataType.long, "label", required=False)] if "class_names" in facts else []
    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.long, "index"), *label]),
        outputs=Schema([TensorSpec(np.dtype("uint8"), (-1, height, width, channels))]),
        params=ParamSchema(
            [ParamSpec("seed", DataType.long, content.trial.seed), ParamSpec("png", DataType.boolean, False)]
        ),
    )
    with tempfile.TemporaryDirectory() as name:
        facts_file = Path(name) / "generator.json"
        facts_file.write_text(json.dumps(facts), encoding="utf-8")
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(SCRIPT),
            artifacts={"weights": str(_best_snapshot(content)), "facts": str(facts_file)},
            code_paths=[str(_copy_code(Path(name)))],
            signature=signature,
            input_example={"index": [0, 1, 2, 3]},
            pip_requirements=_pin(REQUIREMENTS),
        )


def _register(store: Store, name: str, best: TrialContent, run: Run, weights: str) -> ModelVersion:
    with tempfile.TemporaryDirectory() as folder:
        save_generator(best, Path(folder) / MODEL_FOLDER)
        store.client.log_artifacts(run.info.run_id, folder)
    _ensure_registered_model(store, name)
    tags: dict[str, Any] = {
        **best.trial._asdict(),
        "generator_step": int(best.best["best_fid_generator_step"]),
        "fid": best.best["best_fid"],
        "protocol": json.dumps(best.protocol),
        "weights_sha256": weights,
    }
    return store.client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{MODEL_FOLDER}",
        run_id=run.info.run_id,
        tags={key: str(value) for key, value in tags.items()},
        description=f"{best.trial.name} at generator step {tags['generator_step']}, FID {best.best['best_fid']:.2f}",
    )


def _ensure_registered_model(store: Store, name: str) -> None:
    try:
        store.client.create_registered_model(
            name,
            description="The generator with the lowest FID. It draws image `index` of a `seed`: see the README.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _best_snapshot(content: TrialContent) -> Path:
    return MODELS / content.trial.name / snapshot_name(int(content.best["best_fid_generator_step"]))


def _hash_best(content: TrialContent) -> str:
    return hash_file(_best_snapshot(content))


def _copy_code(folder: Path) -> Path:
    stages = folder / "stages"
    for package in CODE_PACKAGES:
        (stages / package).mkdir(parents=True)
        for file in sorted((Path("stages") / package).glob("*.py")):
            shutil.copyfile(file, stages / package / file.name)
    return stages


def _pin(packages: tuple[str, ...]) -> list[str]:
    """Pin packages to the versions installed here, without the build's mark, which no registry knows."""
    return [f"{package}=={version(package).partition('+')[0]}" for package in packages]
