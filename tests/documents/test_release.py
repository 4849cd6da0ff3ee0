"""The version, the citation, and the files that code hosts and editors read."""

import json
import re
import tomllib

import pytest
import yaml

from tests.driving import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_the_version_is_the_same_everywhere_and_its_changes_are_told() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert CITATION["version"] == version
    released = re.search(r"^## \[(\d[^]]*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released is not None
    assert released.groups() == (version, CITATION["date-released"])


def test_the_citation_has_what_its_schema_requires() -> None:
    """All of it was validated by cffconvert 2.0.0."""
    assert CITATION["cff-version"] == "1.2.0"
    assert all(CITATION[key] for key in ("message", "title", "authors"))
    assert (CITATION["type"], CITATION["license"]) == ("software", "MIT")
    assert all({"type", "title", "authors"} <= reference.keys() for reference in CITATION["references"])


def test_the_workflow_runs_what_a_person_would_type_on_versions_that_are_supported() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["check"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    assert workflow["permissions"] == {"contents": "read"}
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert supported == ">=3.11,<3.14" and set(job["strategy"]["matrix"]["python"]) <= {
        "3.11",
        "3.12",
        "3.13",
    }


@pytest.mark.parametrize("form", [form.name for form in FORMS if form.name != "config.yml"])
def test_an_issue_form_has_what_github_requires(form: str) -> None:
    content = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE" / form).read_text())
    assert content["name"] and content["description"]
    ids = [entry["id"] for entry in content["body"]]
    assert len(ids) == len(set(ids)) > 0
    assert all(entry["attributes"]["label"] for entry in content["body"])
    assert {entry["type"] for entry in content["body"]} <= {"input", "textarea", "dropdown", "checkboxes"}


def test_the_development_container_sets_the_environment_up() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["postCreateCommand"] == "make setup"
    assert re.search(r"3\.1[123]", container["image"])
