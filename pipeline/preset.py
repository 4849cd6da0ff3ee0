"""Switch params.yaml to a named preset: presets/default.yaml, changed as the preset's own file says.

`python -m pipeline.preset smoke` merges presets/smoke.yaml into presets/default.yaml and writes params.yaml, with the
default's comments and in DVC's format. A params.yaml that was edited by hand is overwritten only with --force.
"""

import io
import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline.workplace import require_root
from stages.common.artifacts import write_bytes
from stages.common.cli import run_command
from stages.common.command_line import CommandParser
from stages.common.errors import InputError
from stages.common.params import LARGEST_BYTES, PARAMS_FILE, read_params, suggest_name

PRESETS = Path("presets")
DEFAULT = "default"
PROTOCOLS = "protocol"
# In these sections a preset may add keys to the default's: settings by letter, options by GAN.
OPEN_SECTIONS = ("settings", "options")


def list_presets(folder: Path = PRESETS) -> list[str]:
    """List the names of the presets, the default first."""
    return sorted((path.stem for path in folder.glob("*.yaml")), key=lambda name: (name != DEFAULT, name))


def list_protocols(folder: Path = PRESETS) -> list[str]:
    """List the names of the protocols. A protocol says how images are scored, and can be merged into any preset."""
    return sorted(path.stem for path in (folder / PROTOCOLS).glob("*.yaml"))


def compose_preset(name: str, folder: Path = PRESETS, protocol: str | None = None) -> str:
    """Merge a preset into the default, and a protocol into both.

    Args:
        name: the preset; its file holds only what differs from the default.
        folder: the folder of the presets.
        protocol: the protocol, or None.

    Returns:
        The text of params.yaml.

    Raises:
        InputError: the preset or the protocol is unknown, is no file of params, or sets a key that the default does
            not have.
    """
    if name not in list_presets(folder):
        raise _refuse("preset", name, list_presets(folder))
    if protocol is not None and protocol not in list_protocols(folder):
        raise _refuse("protocol", protocol, list_protocols(folder))
    yaml = _make_yaml()
    params = _read(folder / f"{DEFAULT}.yaml", yaml)
    changes = [] if name == DEFAULT else [f"{name}.yaml"]
    changes += [] if protocol is None else [f"{PROTOCOLS}/{protocol}.yaml"]
    for file in changes:
        _merge(params, _read(folder / file, yaml), where=f"presets/{file}")
    text = io.StringIO()
    yaml.dump(params, text)
    header, separator, body = text.getvalue().partition("\n\n")
    title = f"preset `{name}`" + ("" if protocol is None else f" with the protocol `{protocol}`")
    return header.replace(f"preset `{DEFAULT}`", title) + separator + body


def _refuse(kind: str, name: str, known: list[str]) -> InputError:
    return InputError(f"{kind} {name!r} is unknown{suggest_name(name, known)}; there is {', '.join(known)}")


def find_preset(text: str, folder: Path = PRESETS) -> str | None:
    """Return the preset that a params.yaml is equal to, or None if it was edited by hand."""
    named = re.search(r"preset `(\w+)`(?: with the protocol `(\w+)`)?", text.partition("\n\n")[0])
    if named is None:
        return None
    name, protocol = named.groups()
    if name not in list_presets(folder) or protocol not in (None, *list_protocols(folder)):
        return None
    return name if compose_preset(name, folder, protocol) == text else None


def switch_preset(name: str, force: bool = False, protocol: str | None = None) -> None:
    """Write the preset to params.yaml, atomically.

    Raises:
        InputError: the preset is unknown, or params.yaml was edited by hand and `force` is not given.
    """
    text = compose_preset(name, protocol=protocol)
    if not force and PARAMS_FILE.exists() and find_preset(_read_text(PARAMS_FILE)) is None:
        raise InputError(
            f"{PARAMS_FILE} was edited by hand and is none of the presets; save it as a file in {PRESETS}/, or "
            f"overwrite it with `python -m pipeline.preset {name} --force`"
        )
    write_bytes(PARAMS_FILE, text.encode())


def _read_text(path: Path) -> str:
    """Read a file up to the largest size of params.yaml; a longer file, or one that is not UTF-8, equals no preset."""
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES).decode("utf-8", errors="replace")


def _read(path: Path, yaml: YAML) -> CommentedMap:
    """Read a preset with its comments, after `read_params` has checked that params.yaml may hold its content."""
    read_params(path)
    content: CommentedMap = yaml.load(path.read_text(encoding="utf-8"))
    return content


def _make_yaml() -> YAML:
    """Make a YAML reader and writer set up as DVC's: when DVC writes params.yaml later, only changed values differ."""
    yaml = YAML()
    yaml.default_flow_style = False
    return yaml


def _merge(params: CommentedMap, changes: CommentedMap, where: str, depth: int = 0) -> None:
    for key, value in changes.items():
        is_open = depth == 1 and where.rpartition(".")[2] in OPEN_SECTIONS
        if key not in params and not is_open:
            raise InputError(
                f"{where}.{key} is no key of presets/{DEFAULT}.yaml{suggest_name(key, params)}; there is "
                f"{', '.join(params)}"
            )
        if isinstance(value, CommentedMap) and isinstance(params.get(key), CommentedMap):
            _merge(params[key], value, f"{where}.{key}", depth + 1)
        else:
            # A plain Python list is written over several lines, as DVC writes lists.
            params[key] = list(value) if isinstance(value, list) else value


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and switch to the preset."""
    require_root()
    parser = CommandParser(__doc__)
    parser.add_argument("name", choices=list_presets(), help="the preset")
    parser.add_argument(
        "--force", action="store_true", help="overwrite a params.yaml that was edited by hand"
    )
    parser.add_argument("--protocol", choices=list_protocols(), help="a protocol to merge into the preset")
    options = parser.parse_args(arguments)
    switch_preset(options.name, options.force, options.protocol)
    print(f"{PARAMS_FILE} is now the preset `{options.name}`; `dvc repro` runs the stages that it changes")


if __name__ == "__main__":
    run_command(main)
