"""The parser of all command lines: its help begins with what the command does, and its errors are one line."""

import argparse
import sys
from typing import Any, NoReturn

from stages.common.params import suggest_name
from stages.common.yaml_reader import shorten

REQUIRED_MISSING = "the following arguments are required"


class CommandParser(argparse.ArgumentParser):
    """A parser whose help begins with the description, and whose errors are one line and exit code 2."""

    def __init__(self, description: str | None = None, **options: Any) -> None:
        """Make a parser.

        Args:
            description: what the command does; its first line makes sense alone. Paragraphs are kept.
            options: keyword arguments of argparse.ArgumentParser; abbreviations of options are not allowed.
        """
        options = {"prog": name_command(), "formatter_class": argparse.RawDescriptionHelpFormatter} | options
        super().__init__(**options, allow_abbrev=False)
        self._summary = (description or "").strip()
        self._words: list[str] = []

    def format_help(self) -> str:
        """Return the help: what the command does, then its usage and options."""
        return f"{self._summary}\n\n{super().format_help()}".lstrip()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the words of a command line; unlike argparse's, a subcommand refuses unknown words itself."""
        self._words = sys.argv[1:] if args is None else list(args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._describe_unknown(unknown))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """End the process with one line and exit code 2; unknown options are reported before missing ones."""
        unknown = [word for word in self._words if word.startswith("--") and not self._knows(word)]
        if unknown and message.startswith(REQUIRED_MISSING):
            message = self._describe_unknown(unknown)
        self.exit(2, f"error: {' '.join(message.split())}; `{self.prog} --help` says what there is\n")

    def _describe_unknown(self, words: list[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        hint = suggest_name(options[0], self._option_string_actions) if options else ""
        return f"unrecognized arguments: {' '.join(words)}{hint}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of an action's choices, and name the most similar one."""
        if action.choices is not None and value not in action.choices:
            known = list(map(str, action.choices))
            text = f"{shorten(str(value))} is unknown{suggest_name(str(value), known)}; there is {', '.join(known)}"
            raise argparse.ArgumentError(action, text)

    def _knows(self, word: str) -> bool:
        return word == "--" or word.partition("=")[0] in self._option_string_actions


def add_command(commands: "argparse._SubParsersAction[CommandParser]", name: str, text: str) -> CommandParser:
    """Add a subcommand.

    Args:
        commands: the group of subcommands to add it to.
        name: the word on the command line that chooses it.
        text: what it does, for the list of subcommands and for its own help; it begins with a small letter and has no
            full stop.
    """
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def name_command() -> str | None:
    """Return the running command as a user types it, `python -m stages.train`; None where a file is run."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return None if spec is None else f"python -m {spec.name.removesuffix('.__main__')}"
