import itertools
import time
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from stages.common import yaml_reader
from stages.common.yaml_reader import YamlError, parse_yaml


def read_as_dvc(text: str) -> Any:
    """Read YAML as dvc.utils.serialize does."""
    return YAML(typ="safe").load(text)


@pytest.fixture(params=["C", "Python"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python":
        monkeypatch.setattr(yaml_reader, "LOADER", yaml.SafeLoader)


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-3", "+1", "100", "1" + "0" * 30, "1.5", "-0.5", ".5", "1.", "1.5e3", "1e-4", "1e3", "1E+3"),
        *("true", "False", "null", "~", "", "text", "N", "two words", "a-b", "'0100'", '"yes"', "v1.2.3"),
        *("[1, [2, {a: b}]]", "{a: 1, b: [x]}", "[]", "{}", "'it''s'", '"café"', "café", "/data/images 2"),
    ],
)
def test_what_is_accepted_has_the_value_that_dvc_reads(text: str) -> None:
    content = parse_yaml(f"key: {text}\n")
    assert content == read_as_dvc(f"key: {text}\n")
    assert type(content["key"]) is type(read_as_dvc(f"key: {text}\n")["key"])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0100",
            "010",
            "-07",
            "00",
            "08",
            "00.5",
            "1_000",
            "0o17",
            "0b11",
            "0x1F",
            "13:20",
            "1:2",
            "1:30:00.5",
        ),
        *(
            "yes",
            "No",
            "ON",
            "off",
            "2001-01-01",
            "2001-1-1",
            ".inf",
            "-.INF",
            ".nan",
            "<<",
            "=",
            ".5e3",
            "-_",
        ),
    ],
)
def test_what_programs_read_differently_is_refused_with_its_key_and_line(text: str) -> None:
    with pytest.raises(
        YamlError, match=r"train.steps.1 \(line 3\): .* is neither a decimal number nor"
    ) as caught:
        parse_yaml(f"# a comment\ntrain:\n  steps: [1, {text}]\n")
    assert text in str(caught.value)


def test_no_short_scalar_is_read_otherwise_than_by_dvc_and_by_yaml_1_1() -> None:
    count = 0
    for letters in itertools.chain.from_iterable(
        itertools.product("+-._018e:xon~", repeat=n) for n in (1, 2, 3)
    ):
        text = f"key: {''.join(letters)}\n"
        try:
            content = parse_yaml(text)
        except YamlError:
            continue
        count += 1
        assert repr(content) == repr(read_as_dvc(text)), text
        # In YAML 1.1 a number with an exponent needs a decimal point, so `1e3` would be text, which is never intended.
        assert repr(content) == repr(yaml.load(text, yaml.CSafeLoader)) or isinstance(
            content["key"], float
        ), text
    assert count > 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: {NO: 1}", r"a \(line 1\): NO is neither"),
        ("1: 2", "the key '1' is not a text of 1 to 100 characters"),
        ("true: 2", "the key 'true' is not a text"),
        ("~: 2", "the key '~' is not a text"),
        ("'': 2", "the key '' is not a text"),
        ("k" * 300 + ": 2", "the key 'kkk"),
        ("? [a, b]\n: 2", "a list or a mapping cannot be a key"),
        ("a: 1\nb: 2\na: 3", r"\(line 3\): the key a is given twice"),
        ("a: {b: 1, b: 2}", r"a \(line 1\): the key b is given twice"),
        ("a: &x 1", "a .line 1.: anchors and aliases"),
        ("a: 1\nb: *x", "b .line 2.: anchors and aliases"),
        ("a: &x {b: 1}\nc: {<<: *x}", "anchors and aliases"),
        ("a: !!int 3", "tags such as"),
        ("a: !!python/object/apply:os.system [echo]", "tags such as"),
        ("a: !mine {}", "tags such as"),
        ("a: ! b", "tags such as"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("%YAML 1.1\n---\na: 010", "directive"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "directive"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested more than 16 deep"),
        ("a: " + "{b: " * 3000, "nested more than 16 deep"),
        ("- " * 3000, "nested more than 16 deep"),
        ("a: " + "9" * 5000, "a number of more than 40 characters"),
        ("a: '" + "x" * 5000 + "'", "a text has at most 4096 characters, and this one 5000"),
        ('a: "\\x1b[31m"', "control character"),
        ('a: "b\\0"', "control character"),
        ("a: |\n  two\n  lines\n", "control character"),
        ("a: 1\nb: \x07", "line 2 holds a control character"),
        ("a: b\x85c: d", "line 1 holds a control character"),
        ("a: b\u2028c: d", "line 1 holds a control character"),
        ('a: "\\ud800"', "not valid YAML|control character"),
        ("a: \udce9", "control character"),
        ("\ta: 1", "not valid YAML: line 1, column 1"),
        ("a:\n\tb: 1", "not valid YAML: line 2"),
        ("a: b: c", "not valid YAML: line 1"),
        ("a: [1", "not valid YAML"),
        ("a: 'x", "not valid YAML"),
    ],
)
def test_anything_else_of_yaml_is_refused_at_once_in_one_short_line(text: str, reason: str) -> None:
    began = time.process_time()
    with pytest.raises(YamlError, match=reason) as caught:
        parse_yaml(text)
    assert time.process_time() - began < 1.0
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(YamlError, match=r"a0 \(line 1\): anchors and aliases"):
        parse_yaml(bomb)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_document_is_null(text: str) -> None:
    assert parse_yaml(text) is None


@pytest.mark.parametrize("text", ["\ufeffa: 1\n", "--- # begins\na: 1\n...\n", "? a\n: 1\n", "{a: 1}"])
def test_harmless_forms_are_read_as_dvc_reads_them(text: str) -> None:
    assert parse_yaml(text) == read_as_dvc(text) == {"a": 1}
