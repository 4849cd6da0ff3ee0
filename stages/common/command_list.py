"""List the commands of a package: the modules that `python -m` runs, each with what it does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from stages.common.command_line import CommandParser

IS_COMMAND = re.compile(r"^if __name__ == \"__main__\":", re.MULTILINE)
LINE_CHARACTERS = 80
INDENT = "    "


def print_commands(description: str, package: Path) -> None:
    """Parse a command line without arguments, and print the commands of a package; `--help` lists them too.

    Args:
        description: what is listed, for the help.
        package: the folder of the package, directly in the root of the repository.
    """
    commands = "\n".join(
        f"python -m {name}\n{fill(text, LINE_CHARACTERS, initial_indent=INDENT, subsequent_indent=INDENT)}"
        for name, text in list_commands(package)
    )
    CommandParser(f"{description}\n\n{commands}").parse_args()
    print(commands)


def list_commands(package: Path) -> Iterator[tuple[str, str]]:
    """List the name of each command of a package, without the package's own, and the first line of its help."""
    for file in sorted(package.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if file != package / "__main__.py" and IS_COMMAND.search(text):
            name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
            yield (
                name.removesuffix(".__main__"),
                (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0],
            )
