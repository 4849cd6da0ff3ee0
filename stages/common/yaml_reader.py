"""Read the part of YAML that params need, and refuse values that different programs read differently.

DVC reads params.yaml by YAML 1.2, while PyYAML and many other programs use YAML 1.1: `0100` is 100 by the former and 64
by the latter, `NO` is text or false, `13:20` is text or 800. So a plain scalar is accepted only if both versions agree,
or if it can only mean one decimal number, such as `1e-4`. Mappings, lists and scalars are the only nodes. An accepted
value is the one that DVC reads.

Source: YAML 1.2.2, section 10.3 (core schema); https://yaml.org/type (YAML 1.1).
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from stages.common.errors import InputError

# This C library, where it is installed, is the one that DVC's parser uses, too.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 16
LONGEST_KEY = 100
LONGEST_TEXT = 4096
LONGEST_NUMBER = 40

NULL = re.compile(r"~|null|Null|NULL|")
TRUE, FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+([eE][-+][0-9]+)?)")
# Scalars that YAML 1.2, or a program that reads it, may take for a number, a date or a merge key.
NUMBER_LIKE = re.compile(
    r"([-+]_|[-+]?\.?[0-9]|[-+]?\._)[0-9a-f_xo:.+-]*|[-+]?\.(inf|nan)|<<|=", re.IGNORECASE
)
# Resolves the type of a plain scalar by YAML 1.1.
RESOLVER: Any = yaml.resolver.Resolver()
TEXT_TAG = "tag:yaml.org,2002:str"
ENTRIES = "write mappings, lists, numbers, true, false, null and text, and nothing else of YAML"


class YamlError(InputError):
    """A text is not YAML or holds something that is not accepted; the message says where, and what to write instead."""


def parse_yaml(text: str) -> Any:
    """Parse one YAML document of mappings with text as keys, lists and scalars.

    Raises:
        YamlError: the text is not such a document.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if _find_control_character(line.replace("\t", "")):
            raise YamlError(f"line {number} holds a control character; remove it")
    try:
        return _parse_document(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlError(f"it is not valid YAML: {where}{error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise YamlError(f"it is not valid YAML: {' '.join(str(error).split())}") from None


def shorten(text: str, most: int = 80) -> str:
    """Return a text, or its beginning where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _parse_document(events: Iterator[Event]) -> Any:
    next(events)
    start = next(events)
    if not isinstance(start, DocumentStartEvent):
        return None
    if start.version or start.tags:
        raise YamlError("it begins with a directive such as %YAML; remove it")
    content = _parse_node(next(events), events, ())
    next(events)
    if not isinstance(next(events), StreamEndEvent):
        raise YamlError("it holds more than one document, separated by ---; keep one")
    return content


def _parse_node(event: Any, events: Iterator[Event], where: tuple[str, ...]) -> Any:
    if isinstance(event, AliasEvent) or event.anchor is not None:
        raise _refuse(event, where, "anchors and aliases (&name, *name) are not read; write the values out")
    if event.tag is not None:
        raise _refuse(event, where, f"tags such as {shorten(event.tag)!r} are not read; {ENTRIES}")
    if isinstance(event, ScalarEvent):
        return _parse_scalar(event, where)
    if len(where) >= DEEPEST:
        raise _refuse(event, where, f"it is nested more than {DEEPEST} deep")
    if isinstance(event, SequenceStartEvent):
        return _parse_list(events, where)
    return _parse_mapping(events, where)


def _parse_list(events: Iterator[Event], where: tuple[str, ...]) -> list[Any]:
    items: list[Any] = []
    while not isinstance(event := next(events), SequenceEndEvent):
        items.append(_parse_node(event, events, (*where, str(len(items)))))
    return items


def _parse_mapping(events: Iterator[Event], where: tuple[str, ...]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    while not isinstance(event := next(events), MappingEndEvent):
        if isinstance(event, SequenceStartEvent | MappingStartEvent):
            raise _refuse(event, where, "a list or a mapping cannot be a key; keys are text")
        key = _parse_node(event, events, where)
        if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
            assert isinstance(event, ScalarEvent)
            what = shorten(repr(event.value))
            raise _refuse(event, where, f"the key {what} is not a text of 1 to {LONGEST_KEY} characters")
        if key in content:
            raise _refuse(event, where, f"the key {key} is given twice; keep one of them")
        content[key] = _parse_node(next(events), events, (*where, key))
    return content


def _parse_scalar(event: ScalarEvent, where: tuple[str, ...]) -> bool | int | float | str | None:
    text = event.value
    if event.style:  # quoted, or a block
        return _check_text(event, where)
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text) or FALSE.fullmatch(text):
        return bool(TRUE.fullmatch(text))
    if FLOAT.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            raise _refuse(
                event,
                where,
                f"{shorten(text, 20)} is a number of more than {LONGEST_NUMBER} characters; write a shorter one",
            )
        return int(text) if INTEGER.fullmatch(text) else float(text)
    if NUMBER_LIKE.fullmatch(text) or RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) != TEXT_TAG:
        raise _refuse(
            event,
            where,
            f"{shorten(text)} is neither a decimal number nor plain text, and programs read it differently; write a "
            "number such as 100 or 1.0e-4 (no leading zeros, underscores or colons), true, false or null, or put text "
            "in quotes",
        )
    return _check_text(event, where)


def _check_text(event: ScalarEvent, where: tuple[str, ...]) -> str:
    text: str = event.value
    if len(text) > LONGEST_TEXT:
        raise _refuse(event, where, f"a text has at most {LONGEST_TEXT} characters, and this one {len(text)}")
    character = _find_control_character(text)
    if character is not None:
        raise _refuse(
            event,
            where,
            f"the text {shorten(repr(text))} holds the control character {character!r}; remove it",
        )
    return text


def _find_control_character(text: str) -> str | None:
    """Return the first control character, surrogate or line break of a text; None where there is none."""
    if text.isprintable():
        return None
    unfit = ("Cc", "Cs", "Zl", "Zp")
    return next((character for character in text if unicodedata.category(character) in unfit), None)


def _refuse(event: Any, where: tuple[str, ...], reason: str) -> YamlError:
    key = ".".join(where)
    return YamlError(f"{key}{' ' if key else ''}(line {event.start_mark.line + 1}): {reason}")
