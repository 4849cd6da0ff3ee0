"""The parser of every command line: it says first what a command does, and refuses what it does not know."""

import argparse
import sys
from typing import Any, NoReturn

REQUIRED_MISSING = "the following arguments are required"


class CommandParser(argparse.ArgumentParser):
    """A parser whose help begins with the description, and whose errors are one line and exit code 2."""

    def __init__(self, description: str | None = None, **options: Any) -> None:
        """Make a parser.

        Args:
            description: what the command does; its first line makes sense alone. Paragraphs are kept.
            options: the options, as argparse takes them. Options of the command line cannot be shortened.
        """
        options = {"prog": name_command(), "formatter_class": argparse.RawDescriptionHelpFormatter} | options
        super().__init__(**options, allow_abbrev=False)
        self._summary = (description or "").strip()
        self._words: list[str] = []

    def format_help(self) -> str:
        """Return the help: what the command does, then its usage and options."""
        return f"{self._summary}\n\n{super().format_help()}".lstrip()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse words, and remember them for what `error` says."""
        self._words = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line in one line, for an option that is unknown rather than for one that is missing."""
        unknown = [word for word in self._words if word.startswith("--") and not self._knows(word)]
        if unknown and message.startswith(REQUIRED_MISSING):
            message = f"unrecognized arguments: {' '.join(unknown)}"
        self.exit(2, f"error: {' '.join(message.split())}; `{self.prog} --help` says what there is\n")

    def _knows(self, word: str) -> bool:
        return word == "--" or word.partition("=")[0] in self._option_string_actions


def add_command(commands: "argparse._SubParsersAction[CommandParser]", name: str, text: str) -> CommandParser:
    """Add a subcommand.

    Args:
        commands: what it is added to.
        name: the word that chooses it.
        text: what it does, for the list and for its own help; it begins with a small letter and has no full stop.
    """
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def name_command() -> str | None:
    """Name the running command as it is typed: `python -m stages.train`; None where a file is run."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return None if spec is None else f"python -m {spec.name.removesuffix('.__main__')}"
