"""Switch params.yaml to a named preset: the default with the preset's differences laid over it.

`python -m pipeline.preset smoke` writes params.yaml from presets/default.yaml and presets/smoke.yaml. Comments
are kept. A params.yaml edited by hand is not overwritten without --force.
"""

import argparse
import io
import re
import sys
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter

from stages.common.artifacts import write_bytes
from stages.common.params import PARAMS_FILE

PRESETS = Path("presets")
DEFAULT = "default"
PROTOCOLS = "protocol"
# Under these keys a preset may bring names of its own: settings by letter, options by GAN.
OPEN_SECTIONS = ("settings", "options")


def list_presets(folder: Path = PRESETS) -> list[str]:
    """List the presets' names, the default first."""
    return sorted((path.stem for path in folder.glob("*.yaml")), key=lambda name: (name != DEFAULT, name))


def list_protocols(folder: Path = PRESETS) -> list[str]:
    """List the protocols that can be laid over any preset: how many images, against which, how they are scored."""
    return sorted(path.stem for path in (folder / PROTOCOLS).glob("*.yaml"))


def compose_preset(name: str, folder: Path = PRESETS, protocol: str | None = None) -> str:
    """Lay a preset over the default, and a protocol over that.

    Args:
        name: of a file in `folder`, without its ending. It holds only what differs from the default.
        folder: where the presets lie.
        protocol: of a file in its folder `protocol`, or None.

    Returns:
        The text of params.yaml.

    Raises:
        ValueError: there is no such preset, or it sets a key that the default does not have.
    """
    if name not in list_presets(folder):
        raise ValueError(f"preset {name!r} is unknown; there is {', '.join(list_presets(folder))}")
    yaml = _make_yaml()
    params = yaml.load((folder / f"{DEFAULT}.yaml").read_text(encoding="utf-8"))
    if name != DEFAULT:
        changes = yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
        _lay_over(params, changes, where=f"presets/{name}.yaml")
    if protocol is not None:
        if protocol not in list_protocols(folder):
            raise ValueError(
                f"protocol {protocol!r} is unknown; there is {', '.join(list_protocols(folder))}"
            )
        changes = yaml.load((folder / PROTOCOLS / f"{protocol}.yaml").read_text(encoding="utf-8"))
        _lay_over(params, changes, where=f"presets/{PROTOCOLS}/{protocol}.yaml")
    text = io.StringIO()
    yaml.dump(params, text)
    header, body = _split_header(text.getvalue())
    title = f"preset `{name}`" + ("" if protocol is None else f" with the protocol `{protocol}`")
    return header.replace(f"preset `{DEFAULT}`", title) + body


def find_preset(text: str, folder: Path = PRESETS) -> str | None:
    """Tell which preset a params.yaml is word for word, or None when it was edited by hand."""
    found = next((name for name in list_presets(folder) if compose_preset(name, folder) == text), None)
    named = re.search(r"preset `(\w+)` with the protocol `(\w+)`", text.partition("\n\n")[0])
    if found is None and named and named[1] in list_presets(folder) and named[2] in list_protocols(folder):
        return named[1] if compose_preset(named[1], folder, named[2]) == text else None
    return found


def switch_preset(name: str, force: bool = False, protocol: str | None = None) -> None:
    """Write params.yaml as the preset says, atomically.

    Raises:
        ValueError: the preset is unknown, or params.yaml was edited by hand and `force` is not given.
    """
    text = compose_preset(name, protocol=protocol)
    if not force and PARAMS_FILE.exists() and find_preset(PARAMS_FILE.read_text(encoding="utf-8")) is None:
        raise ValueError(
            f"{PARAMS_FILE} was edited by hand and is none of the presets; keep the edit as a file in "
            f"{PRESETS}/, or drop it with `python -m pipeline.preset {name} --force`"
        )
    write_bytes(PARAMS_FILE, text.encode())


def _make_yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 200
    # Settings and options are aligned one a line, as they are written.
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _NullWriter
    return yaml


class _NullWriter(RoundTripRepresenter):
    """Writes null as a word; a class of its own, as DVC's writer shares its base and leaves nothing there."""


_NullWriter.add_representer(
    type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _lay_over(params: CommentedMap, changes: CommentedMap, where: str, depth: int = 0) -> None:
    for key, value in changes.items():
        is_open = depth == 1 and where.rpartition(".")[2] in OPEN_SECTIONS
        if key not in params and not is_open:
            raise ValueError(
                f"{where}.{key} is no key of presets/{DEFAULT}.yaml; there is {', '.join(params)}"
            )
        if isinstance(value, CommentedMap) and isinstance(params.get(key), CommentedMap) and not is_open:
            _lay_over(params[key], value, f"{where}.{key}", depth + 1)
        else:
            params[key] = value


def _split_header(text: str) -> tuple[str, str]:
    """Part the comment that a file opens with from the rest."""
    header, separator, body = text.partition("\n\n")
    return header + separator, body


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and switch."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=list_presets(), help="the preset")
    parser.add_argument(
        "--force", action="store_true", help="overwrite a params.yaml that was edited by hand"
    )
    parser.add_argument(
        "--protocol", choices=list_protocols(), help="how images are scored, laid over the preset"
    )
    options = parser.parse_args(arguments)
    try:
        switch_preset(options.name, options.force, options.protocol)
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(f"{PARAMS_FILE} is now the preset `{options.name}`; `dvc repro` runs what that makes stale")


if __name__ == "__main__":
    main()
