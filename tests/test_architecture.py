"""Check the rules of the layout, so that documents and dvc.yaml always fit the code."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
# The definition of a matrix or foreach stage may be under `do`.
DVC: dict[str, Any] = {
    name: stage.get("do", stage)
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
# This stage sends results to MLflow. It is the only one without a package under stages/, where MLflow is not allowed.
TRACKING = "track"
STAGES = [stage for stage in DVC if stage != TRACKING]
SHARED = {"common", "fingerprints", "generators", "images", "nearest", "networks", "gans", "scores"}
COMMAND_FOLDERS = ["stages", "pipeline", "benchmarks", "tests/campaigns"]
PACKAGES = sorted(path.name for path in (ROOT / "stages").iterdir() if (path / "__init__.py").exists())


def list_imports(file: Path) -> Iterator[str]:
    """List the modules that a file imports, at its top or within functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_file(module: str) -> Path | None:
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def follow_imports(file: Path, seen: set[Path] | None = None) -> set[Path]:
    """List a file and all first-party files that it imports, directly or not."""
    seen = set() if seen is None else seen
    if file not in seen:
        seen.add(file)
        for module in list_imports(file):
            found = find_file(module) if module.startswith("stages.") else None
            if found is not None:
                follow_imports(found, seen)
    return seen


def list_code_deps(stage: str) -> list[Path]:
    return [ROOT / dep for dep in DVC[stage]["deps"] if dep.startswith("stages/") and "$" not in dep]


def list_third_party(files: set[Path]) -> set[str]:
    return {module.partition(".")[0] for file in files for module in list_imports(file)}


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_lies_in_its_dependencies(stage: str) -> None:
    entry = ROOT / "stages" / stage / "__main__.py"
    deps = list_code_deps(stage)
    outside = {
        str(file.relative_to(ROOT))
        for file in follow_imports(entry)
        if file.name != "__init__.py" and not any(file == dep or dep in file.parents for dep in deps)
    }
    assert not outside


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_code_that_it_does_not_import(stage: str) -> None:
    imported = follow_imports(ROOT / "stages" / stage / "__main__.py")
    # The model zoo is imported by name, GAN by GAN.
    idle = [
        dep
        for dep in list_code_deps(stage)
        if dep.name != "gans" and not any(file == dep or dep in file.parents for file in imported)
    ]
    assert not idle


@pytest.mark.parametrize(
    "file", sorted((ROOT / "stages").glob("*/**/__init__.py")), ids=lambda file: file.parent.name
)
def test_the_init_file_of_a_package_has_a_docstring_at_most(file: Path) -> None:
    module = ast.parse(file.read_text(encoding="utf-8"))
    assert len(module.body) == (ast.get_docstring(module) is not None)


@pytest.mark.parametrize("folder", COMMAND_FOLDERS)
def test_every_command_runs_where_its_streams_are_secured_and_its_errors_told(folder: str) -> None:
    for file in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        commands = [
            node for node in tree.body if isinstance(node, ast.If) and "'__main__'" in ast.unparse(node.test)
        ]
        for command in commands:
            assert [ast.unparse(line).partition("(")[0] for line in command.body] == ["run_command"], file


def test_every_command_line_is_parsed_by_the_parser_that_all_share() -> None:
    shared = ROOT / "stages/common/command_line.py"
    files = [file for folder in COMMAND_FOLDERS for file in (ROOT / folder).rglob("*.py") if file != shared]
    assert not [str(file) for file in files if "ArgumentParser(" in file.read_text(encoding="utf-8")]


def test_what_a_user_gave_wrongly_is_an_error_of_input() -> None:
    # Exempt are validators, to whose ValueError pydantic adds the section's name, and the files of GANs.
    folders = [path for path in (ROOT / "stages").iterdir() if path.name != "gans"] + [ROOT / "pipeline"]
    raised = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in (file for folder in folders for file in folder.rglob("*.py"))
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        and not any("validator" in ast.unparse(decorator) for decorator in function.decorator_list)
        for node in ast.walk(function)
        if isinstance(node, ast.Raise)
        and node.exc is not None
        and ast.unparse(node.exc).startswith("ValueError(")
    ]
    assert not raised


def test_dvc_is_imported_in_its_own_package_alone() -> None:
    files = [file for folder in ("pipeline", "stages") for file in (ROOT / folder).rglob("*.py")]
    outside = [file for file in files if (ROOT / "pipeline/dvc") not in file.parents]
    assert not [str(file) for file in outside if "dvc" in list_third_party({file})]


def test_dask_is_imported_in_its_own_package_alone_and_not_in_a_flow_on_one_machine() -> None:
    dask = {"dask", "distributed", "dask_jobqueue"}
    package = ROOT / "pipeline/cluster"
    outside = [file for file in (ROOT / "pipeline").rglob("*.py") if package not in file.parents]
    assert not [str(file) for file in outside if dask & list_third_party({file})]
    at_once = {
        str(file)
        for file in outside
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline.cluster")
    }
    assert not at_once


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_meet_only_through_shared_ones(package: str) -> None:
    foreign = {
        module
        for file in (ROOT / "stages" / package).rglob("*.py")
        for module in list_imports(file)
        if module.startswith("stages.") and module.split(".")[1] not in SHARED | {package}
    }
    if package == "check":
        foreign = {module for module in foreign if module.split(".")[2:3] != ["params"]}
    assert not foreign


def test_gans_do_not_import_each_other() -> None:
    for file in (ROOT / "stages/gans").glob("*.py"):
        assert not [module for module in list_imports(file) if module.startswith("stages.gans")]


def test_the_default_has_options_for_every_gan() -> None:
    model_zoo = {file.stem for file in (ROOT / "stages/gans").glob("*.py")} - {"__init__"}
    assert set(PARAMS["gans"]) <= model_zoo == set(PARAMS["options"])


def test_every_stage_is_a_package_and_every_package_that_runs_is_a_stage() -> None:
    assert {package for package in PACKAGES if (ROOT / "stages" / package / "__main__.py").exists()} == set(
        STAGES
    )


def list_sections(file: Path) -> Iterator[str]:
    """List the top-level keys of params.yaml that a file reads."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "read_params()":
            yield ast.literal_eval(node.slice)
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func) == "load_section":
            yield from (ast.literal_eval(key) for key in node.args[1:2] if isinstance(key, ast.Constant))
        if ast.unparse(node.func) == "Grid.load":
            yield from ("gans", "settings_used", "seeds")


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check"])
def test_the_sections_that_a_stage_reads_are_its_params(stage: str) -> None:
    declared = {key.partition(".")[0] for key in DVC[stage]["params"]}
    files = follow_imports(ROOT / "stages" / stage / "__main__.py")
    # The place where stages run does not change their results, so no stage depends on it.
    assert {section for file in files for section in list_sections(file)} - {"compute"} == declared


def test_the_check_reads_the_whole_of_params_yaml() -> None:
    assert DVC["check"]["params"] == [{"params.yaml": None}]


@pytest.mark.parametrize("stage", ["source", "prepare", "report"])
def test_stages_that_compute_nothing_heavy_do_not_import_torch(stage: str) -> None:
    assert "torch" not in list_third_party(follow_imports(ROOT / "stages" / stage / "__main__.py"))


def test_the_pipeline_never_imports_torch_nor_what_imports_it() -> None:
    # The file of the pyfunc model runs only where a saved model is loaded, which has torch.
    files = set((ROOT / "pipeline").rglob("*.py")) - {ROOT / "pipeline/tracking/pyfunc_model.py"}
    assert "torch" not in list_third_party(files)
    reached = {found for file in files for found in follow_imports(file)}
    assert "torch" not in list_third_party(reached)


def test_stages_know_nothing_of_the_tools_around_them() -> None:
    files = set((ROOT / "stages").rglob("*.py"))
    assert not list_third_party(files) & {"dvc", "mlflow", "prefect"}


def test_params_yaml_is_a_preset_word_for_word() -> None:
    from pipeline.preset import find_preset

    assert find_preset((ROOT / "params.yaml").read_text(encoding="utf-8"), ROOT / "presets") == "default"


def test_tracking_depends_on_all_that_the_report_does_and_on_its_own_code() -> None:
    assert "pipeline/tracking" in DVC[TRACKING]["deps"]
    assert {"models", "samples", "results/train", "results/lipschitz", "results/evaluate", "report"} <= set(
        DVC[TRACKING]["deps"]
    )
