"""Register the comparison's best generator by FID as an MLflow model, and give it the alias `champion`."""

import json
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from pipeline.tracking.dataset import DATASET_TAG, name_model
from pipeline.tracking.model_versions import (
    ALIAS,
    FILES_TAG,
    WEIGHTS_TAG,
    find_champion,
    find_trouble,
    hash_files,
    list_versions,
)
from pipeline.tracking.results import RunContent, check_output
from pipeline.tracking.run_data import log_folder
from pipeline.tracking.store import Store
from stages.common.artifacts import MANIFEST, MODELS, hash_file, read_json, snapshot_name
from stages.scores.protocol import list_differences

MODEL_FOLDER = "model"
SCRIPT = Path(__file__).with_name("pyfunc_model.py")
# The packages under stages/ that are saved with the model, so that it loads without this repository.
CODE_PACKAGES = ("common", "generators", "networks", "sample")
REQUIREMENTS = ("mlflow", "torch", "numpy", "pydantic", "pyyaml", "safetensors", "pillow")


def promote_champion(
    store: Store, results: list[RunContent], runs: dict[str, Run], replace: bool = False
) -> str:
    """Make the comparison's best generator by FID the champion if it is better than the present champion.

    Scores under different extractors or protocols cannot be compared. In that case the present champion stays, unless
    its weights were scored again in this comparison. It also stays if the best generator's files are damaged. With
    `replace`, the best generator becomes the champion without a comparison of scores.
    A champion without a score or that no longer loads, because a person has chosen or damaged it, is replaced by the
    best generator or version that has a score and loads.

    Returns:
        A line that says which model is the champion and why.
    """
    scored = [result for result in results if "best_fid" in result.best]
    if not scored:
        return "no trial has a score, so there is no champion"
    best = min(scored, key=lambda result: result.best["best_fid"])
    try:
        check_output(MODELS / best.trial.name, best.lineage)
    except ValueError as error:
        return f"the champion stays, because the best generator's files differ from those that were scored: {error}"
    name, weights = name_model(), _hash_weights(best)
    champion = find_champion(store, name)
    trouble = None if champion is None else find_trouble(store, champion)
    if champion is not None and trouble is None:
        if champion.tags[WEIGHTS_TAG] == weights:
            return f"champion of {name} is still {best.trial.name} (version {champion.version})"
        reason = None if replace else _find_reason_to_keep(champion, best, scored)
        if reason is not None:
            return f"champion of {name} stays version {champion.version}: {reason}"
    because = f", because version {champion.version} {trouble}" if champion and trouble else ""
    sound = [version for version in list_versions(store, name) if find_trouble(store, version) is None]
    former = None if replace or (champion and not trouble) else _find_better_version(sound, best, scored)
    if former is not None:
        store.client.set_registered_model_alias(name, ALIAS, former.version)
        return f"champion of {name} is again version {former.version} with FID {float(former.tags['fid']):.1f}{because}"
    model_version = next((version for version in sound if version.tags[WEIGHTS_TAG] == weights), None)
    if model_version is None:
        model_version = _register_version(store, name, best, runs[best.trial.name], weights)
    store.client.set_registered_model_alias(name, ALIAS, model_version.version)
    return (
        f"champion of {name} is now {best.trial.name} with "
        f"FID {best.best['best_fid']:.1f} (version {model_version.version}){because}"
    )


def _find_better_version(
    sound: list[ModelVersion], best: RunContent, scored: list[RunContent]
) -> ModelVersion | None:
    """Return the best of the versions that are better than this comparison's best generator; None if there is none."""
    better = [
        version
        for version in sound
        if not list_differences(json.loads(version.tags["protocol"]), best.protocol)
        and _find_reason_to_keep(version, best, scored) is not None
    ]
    return min(better, key=lambda version: float(version.tags["fid"]), default=None)


def save_model(result: RunContent, folder: Path) -> None:
    """Save the trial's best generator by FID as an MLflow model that loads without this repository."""
    trial, manifest = result.trial, read_json(MODELS / result.trial.name / MANIFEST, "train")
    channels, height, width = manifest["image_shape"]
    config = {
        "image_shape": manifest["image_shape"],
        "networks": result.lineage.params["networks"],
        WEIGHTS_TAG: _hash_weights(result),
        **trial._asdict(),
    }
    # MLflow would drop a column that the signature lacks. The model must get the label to refuse it without classes.
    columns = [ColSpec(DataType.long, "index"), ColSpec(DataType.long, "label", required=False)]
    if "class_names" in manifest:
        config["class_names"] = manifest["class_names"]
    params = [ParamSpec("seed", DataType.long, trial.seed), ParamSpec("png", DataType.boolean, False)]
    signature = ModelSignature(
        inputs=Schema(list(columns)),
        outputs=Schema([TensorSpec(np.dtype("uint8"), (-1, height, width, channels))]),
        params=ParamSchema(params),
    )
    with tempfile.TemporaryDirectory() as name:
        config_file, code = Path(name) / "generator.json", Path(name) / "stages"
        config_file.write_text(json.dumps(config), encoding="utf-8")
        # The file may be a symbolic link of DVC's, which MLflow does not accept, so it is copied.
        snapshot = _find_best_snapshot(result)
        weights = Path(name) / snapshot.name
        shutil.copyfile(snapshot, weights)
        for package in CODE_PACKAGES:
            shutil.copytree(Path("stages") / package, code / package, ignore=lambda *_: {"__pycache__"})
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(SCRIPT),
            artifacts={"weights": str(weights), "config": str(config_file)},
            code_paths=[str(code)],
            signature=signature,
            input_example={"index": [0, 1, 2, 3]},
            # Package registries do not have the local part of a version, such as +cpu.
            pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS],
        )


def _find_reason_to_keep(champion: ModelVersion, best: RunContent, scored: list[RunContent]) -> str | None:
    """Return why the champion is not replaced by this comparison's best generator; None if it is to be replaced."""
    protocol, fid = json.loads(champion.tags["protocol"]), float(champion.tags["fid"])
    for result in scored:
        if _hash_weights(result) == champion.tags[WEIGHTS_TAG]:
            protocol, fid = result.protocol, result.best["best_fid"]
    differences = list_differences(protocol, best.protocol)
    if differences:
        return (
            "the protocol of its score (one) differs from this comparison's (the other), so they cannot be compared: "
            f"{'; '.join(differences)}; to replace it by {best.trial.name}, run "
            "`python -m pipeline.tracking sync --replace-champion`"
        )
    if best.best["best_fid"] < fid:
        return None
    return f"its FID is {fid:.1f}, and the best here, {best.trial.name}, has {best.best['best_fid']:.1f}"


def _register_version(store: Store, name: str, best: RunContent, run: Run, weights: str) -> ModelVersion:
    with tempfile.TemporaryDirectory() as folder:
        save_model(best, Path(folder) / MODEL_FOLDER)
        log_folder(store, run, Path(folder))
    source = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
    try:
        store.client.create_registered_model(
            name,
            description="The generator with the lowest FID. It draws image `index` of a `seed`: see the README.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    fid, step = best.best["best_fid"], int(best.best["best_fid_generator_step"])
    tags = {
        **best.trial._asdict(),
        "generator_step": step,
        "fid": fid,
        "protocol": json.dumps(best.protocol),
        DATASET_TAG: best.tags[DATASET_TAG],
        WEIGHTS_TAG: weights,
        FILES_TAG: hash_files(store, source),
    }
    return store.client.create_model_version(
        name,
        source=source,
        run_id=run.info.run_id,
        tags={key: str(value) for key, value in tags.items()},
        description=f"{best.trial.name} at generator step {step}, FID {fid:.2f}",
    )


def _find_best_snapshot(result: RunContent) -> Path:
    return MODELS / result.trial.name / snapshot_name(int(result.best["best_fid_generator_step"]))


def _hash_weights(result: RunContent) -> str:
    return hash_file(_find_best_snapshot(result))
