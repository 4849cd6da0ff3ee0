"""A randomly changed params.yaml is refused with one message, or read with exactly the values that DVC reads."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.check.__main__ import find_all_faults
from stages.common.params import PARAMS_FILE, ParamsError, read_params

ROOT = Path(__file__).parents[2]
DEFAULT = (ROOT / "presets/default.yaml").read_bytes()
ODD = re.findall(
    r"\S+",
    """
0100 010 1_000 0o17 0x1F 0b11 13:20 1:30:00.5 .5 5. 1e3 1e-4 .5e3 1e999 -0 +1 00 08 -07 9999999999999999999999999999999
.inf -.INF .nan yes No ON off y N true False TRUE null ~ Null = << 2001-01-01 2001-12-14t21:59:43.10-05:00 -_ +_ _ .
- ? : &a *a &a&b !!int !!python/object/apply:os.getcwd !x [] {} [1,2] {a:1} {a:b} {a} [a:b] '' "" 'a"b' "\\n" "\\x1b[0m"
"\\ud800" | > |2 >- # @x `x %x --- ... ${gans} ../x a/b sngan A 0 1 -1 0.5 10 100000000000 café 日本
""",
)
ODD += ["\u200b", "\u202e", "\u2028", "\ufeff", "\x85", "\x00"]
KINDS = ["value", "value", "value", "bytes", "cut", "repeat", "indent", "wrap"]
VALUE = re.compile(rb"(?<=[:,\[-] )[^\s,\[\]{}#]+|(?<=\[)[^\s,\[\]{}#]+|^[ ]*\w+(?=:)", re.MULTILINE)
Mutation = Callable[[bytes], bytes]


def replace(text: bytes, begin: int, end: int, other: bytes) -> bytes:
    return text[:begin] + other + text[end:]


@st.composite
def draw_scalar(draw: st.DrawFn) -> bytes:
    texts = st.one_of(
        st.sampled_from(ODD),
        st.integers().map(str),
        st.floats().map(repr),
        st.text(max_size=12),
        st.text(alphabet="0123456789_.:-+eExo", max_size=8),
    )
    return draw(texts).encode("utf-8", errors="surrogatepass")


@st.composite
def draw_mutation(draw: st.DrawFn) -> Mutation:
    """Draw a change: of a scalar or a key, of bytes anywhere, of whole lines, or of the indentation of one."""
    share, scalar = draw(st.floats(0.0, 1.0, exclude_max=True)), draw(draw_scalar())
    kind, length = draw(st.sampled_from(KINDS)), draw(st.integers(0, 40))

    def mutate(text: bytes) -> bytes:
        spans = [match.span() for match in VALUE.finditer(text)] or [(0, len(text))]
        at, (begin, end) = int(share * len(text)), spans[int(share * len(spans))]
        lines = text.split(b"\n")
        number = int(share * len(lines))
        match kind:
            case "value":
                return replace(text, begin, end, scalar)
            case "bytes":
                return replace(text, at, at + length % 4, scalar[:4])
            case "cut":
                return replace(text, at, at + 8 * length, b"")
            case "repeat":
                return b"\n".join([*lines[: number + length % 5], *lines[number:]])
            case "indent":
                lines[number] = b"  " * (length % 4) + (
                    lines[number].lstrip() if length % 2 else lines[number]
                )
                return b"\n".join(lines)
            case _:
                return replace(text, begin, end, b"[" * length + text[begin:end] + b"]" * length)

    return mutate


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "stages/gans", "stages/gans")
    return tmp_path


@pytest.mark.usefixtures("folder")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=st.lists(draw_mutation(), min_size=1, max_size=4))
def test_mutated_params_are_refused_in_one_message_or_have_the_values_that_dvc_reads(
    mutations: list[Mutation],
) -> None:
    text = DEFAULT
    for mutate in mutations:
        text = mutate(text)
    PARAMS_FILE.write_bytes(text)
    try:
        content: dict[str, Any] = read_params()
        faults = find_all_faults(content)
    except ParamsError as error:
        check_message(error)
        assert len(error.faults) == 1
        return
    assert repr(content) == repr(load_yaml("params.yaml"))
    if faults:
        check_message(ParamsError(faults))


def check_message(error: ParamsError) -> None:
    """Check that a message has at most twenty lines of faults, none of them long, none empty, with no raw control."""
    head, *lines = str(error).split("\n")
    assert head.startswith("params.yaml has ") and 1 <= len(lines) <= 21
    assert all(4 < len(line) < 410 for line in lines)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "".join(lines)), str(error)
