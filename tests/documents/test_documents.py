"""Check that everything that documents name exists: files, anchors, make targets, programs, options and params."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import call_commands
from tests.documents.drawing import read_drawing, read_stages
from tests.documents.markdown import list_anchors, list_commands, list_documents, list_links, walk
from tests.driving import ROOT

DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in list_documents()}
# These two documents also name things that no longer exist.
CURRENT = {name: text for name, text in DOCUMENTS.items() if name not in ("CHANGELOG.md", "docs/log.md")}
COMMANDS = sorted({command for text in CURRENT.values() for command in list_commands(text)})
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PROGRAM = re.compile(r"python -m ((?:stages|pipeline|benchmarks|tests)[\w.]*)((?: [^;&|]*)?)")
# The words after this subcommand are the command line of another program.
PASSED_ON = ("follow",)
FIRST_PARTY_FILE = re.compile(r"python ((?:benchmarks|scripts)/\S+\.py)")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_of_a_document_leads_somewhere(name: str) -> None:
    dead = []
    for link in list_links(DOCUMENTS[name]):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        is_there = target.exists() and target.resolve().is_relative_to(ROOT)
        if is_there and anchor and target.suffix == ".md":
            is_there = anchor in list_anchors(target.read_text(encoding="utf-8"))
        if not is_there:
            dead.append(link)
    assert dead == []


def test_the_readme_is_short() -> None:
    assert len(DOCUMENTS["README.md"].splitlines()) <= 130


def test_the_readme_begins_with_a_picture_and_two_commands() -> None:
    first_screen = "\n".join(DOCUMENTS["README.md"].splitlines()[:32])
    assert "![" in first_screen
    assert "$ make reproduce" in first_screen and "$ make ui" in first_screen


def test_targets_of_make_exist_and_presets_too() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    presets = {path.stem for path in (ROOT / "presets").glob("*.yaml")}
    for command in COMMANDS:
        named = set(re.findall(r"(?:^|[;&] *)(?:[A-Z_]+=\S+ )*make (?:[A-Z_]+=\S+ )*([a-z][a-z-]*)", command))
        assert named <= targets, command
        assert set(re.findall(r"make preset NAME=(\w+)", command)) <= presets, command


def test_the_drawn_graphs_are_that_of_dvc_yaml() -> None:
    graph = read_stages(STAGES)
    assert {("check", "source"), ("evaluate", "summary"), ("report", "track")} <= graph
    drawn = {
        name: read_drawing(block.content)
        for name, text in CURRENT.items()
        for block in walk(text)
        if block.type == "fence" and re.search(r"\w ─", block.content)
    }
    assert {"README.md", "docs/pipeline.md"} <= drawn.keys()
    assert drawn == dict.fromkeys(drawn, graph)


def test_a_drawing_that_misses_or_invents_a_dependency_is_told() -> None:
    assert read_drawing("a ─┬─ b ─┐\n   └─ c ─┴─ d") == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}
    assert read_drawing("a ─┬─ b\n   └─ c") == {("a", "b"), ("a", "c")}
    assert read_drawing("a ─┬│─ b\n   ││\n   └│─ c") == {("a", "b"), ("a", "c")}
    assert read_drawing("a ─ b   c ─ d") == {("a", "b"), ("c", "d")}


def test_every_stage_is_described() -> None:
    rows = re.findall(r"^\| (`.*?) \|", DOCUMENTS["docs/pipeline.md"], re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(STAGES)


def test_programs_exist() -> None:
    for command in COMMANDS:
        for module, _ in PROGRAM.findall(command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), command
        for file in FIRST_PARTY_FILE.findall(command):
            assert (ROOT / file).is_file(), command


def test_params_that_commands_change_exist() -> None:
    params: dict[str, Any] = yaml.safe_load((ROOT / "presets/default.yaml").read_text())
    for command in COMMANDS:
        for key in re.findall(r"-S '?([\w.]+)=", command):
            value: Any = params
            for part in key.split("."):
                assert part in value, command
                value = value[part]


@pytest.mark.slow
def test_programs_have_the_subcommands_and_options_that_documents_name(tmp_path: Path) -> None:
    named = {
        command: [(module, *rest.replace("'", " ").split()) for module, rest in PROGRAM.findall(command)]
        for command in COMMANDS
    }
    programs = [words for all_words in named.values() for words in all_words if len(words) > 1]
    # Where the second word is no subcommand, the program refuses it: then it is a word like any other.
    asked = sorted(
        {words[:count] for words in programs for count in (1, 2) if count == 1 or words[1].isalpha()}
    )
    answers = call_commands([(*words, "--help") for words in asked], tmp_path, ROOT)
    texts = {words: answer.out + answer.error for words, answer in zip(asked, answers, strict=True)}
    for command, all_words in named.items():
        for words in all_words:
            if len(words) == 1 or words[1] in PASSED_ON:
                continue
            text = texts[words[:1]] + texts.get(words[:2], "")
            options = {word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-zA-Z]", word)}
            assert not [option for option in options if option not in text], command


def test_every_document_of_the_site_says_what_it_is() -> None:
    for name, text in DOCUMENTS.items():
        first = text.lstrip().splitlines()[0]
        assert first.startswith(("# ", "---")) or Path(name).parts[0] == ".github", name
