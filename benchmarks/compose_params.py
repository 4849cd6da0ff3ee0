"""Write the params.yaml of a preset with changes, on a machine that has only the dependencies of the stages.

    python benchmarks/compose_params.py report train.batch_size=128 extractor.name=classifier > params.yaml

The values are those that `python -m pipeline.preset report` and Hydra's overrides give; comments are left out.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.params import read_params
from stages.common.yaml_reader import YamlError, parse_yaml

PRESETS = Path(__file__).parents[1] / "presets"
DEFAULT = "default"
# Under these keys a preset may add names of its own: settings by letter, options by GAN.
OPEN_SECTIONS = ("settings", "options")


def compose_params(preset: str, changes: list[str], folder: Path = PRESETS) -> dict[str, Any]:
    """Merge a preset into the default preset, and then changes such as `train.generator_steps=100` into the result.

    Raises:
        ValueError: the preset or a key is unknown, or a change is not of the form `key=value`.
    """
    params = read_params(folder / f"{DEFAULT}.yaml")
    if preset != DEFAULT:
        if not (folder / f"{preset}.yaml").exists():
            names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
            raise ValueError(f"preset {preset!r} is unknown; there is {names}")
        _merge(params, read_params(folder / f"{preset}.yaml"))
    for change in changes:
        key, separator, value = change.partition("=")
        if not separator:
            raise ValueError(
                f"{change!r} is not a change; write key=value, such as train.generator_steps=100"
            )
        try:
            content: Any = parse_yaml(value)
        except YamlError as error:
            raise ValueError(f"{change!r}: {error}") from None
        for part in reversed(key.split(".")):
            content = {part: content}
        _merge(params, content)
    return params


def _merge(params: dict[str, Any], changes: dict[str, Any], where: str = "") -> None:
    for key, value in changes.items():
        name = f"{where}.{key}" if where else key
        if key not in params and where not in OPEN_SECTIONS:
            raise ValueError(f"{name} is unknown; there is {', '.join(map(str, params))}")
        if isinstance(value, dict) and isinstance(params.get(key), dict):
            _merge(params[key], value, name)
        else:
            params[key] = value


def main() -> None:
    """Print the params that the command line names."""
    parser = CommandParser(__doc__)
    parser.add_argument("preset")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    params = compose_params(arguments.preset, arguments.changes)
    print(yaml.safe_dump(params, sort_keys=False), end="")


if __name__ == "__main__":
    run_command(main)
