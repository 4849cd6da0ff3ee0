"""Call many commands of this project in one process, which imports once what they share."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.driving import ROOT, make_environment

# Each command is forked from a process that has imported the common packages.
RUN = """
import importlib, json, os, runpy, sys, traceback
from importlib.util import find_spec
import mlflow, prefect
out, calls = sys.argv[1], json.loads(sys.stdin.read())
for name in dict.fromkeys(words[0] for words in calls):
    main = f"{name}.__main__" if find_spec(name).submodule_search_locations else name
    importlib.import_module(main)
for place, words in enumerate(calls):
    child = os.fork()
    if child == 0:
        for descriptor, name in ((1, "out"), (2, "err")):
            file = os.open(f"{out}/{place}.{name}", os.O_WRONLY | os.O_CREAT)
            os.dup2(file, descriptor)
        sys.argv = words
        # What another command has imported is run anew all the same.
        is_package = hasattr(sys.modules[words[0]], "__path__")
        del sys.modules[f"{words[0]}.__main__" if is_package else words[0]]
        code = 0
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else print(end.code, file=sys.stderr) or 1
        except BaseException:
            traceback.print_exc()
            code = 99
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Answer:
    """What a command answered: its exit code, and what it printed to standard output and error."""

    def __init__(self, code: int, out: str, error: str) -> None:
        self.code, self.out, self.error = code, out, error


def call_commands(calls: Sequence[Sequence[str]], folder: Path, working_folder: Path) -> list[Answer]:
    """Call commands, each in a process of its own, and return their answers.

    Args:
        calls: the words of each command line, from the name of the module on.
        folder: an empty folder for what the commands print.
        working_folder: the folder in which they run.
    """
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        input=json.dumps([list(words) for words in calls]),
        cwd=working_folder,
        env=make_environment(PYTHONPATH=str(ROOT), PREFECT_HOME=str(folder / "prefect")),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return [
        Answer(int(code), (folder / f"{place}.out").read_text(), (folder / f"{place}.err").read_text())
        for place, code in enumerate(done.stdout.split())
    ]
