"""The stages run where only torch and the packages of docs/gpu.md are installed, and do not start CUDA on import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Packages whose module has another name.
MODULES = {
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "markdown-it-py": "markdown_it",
}
# Optional packages, which are imported only when they are used.
EXTRAS = ("onnx", "onnxruntime", "onnxscript", "timm", "open_clip")
ELSEWHERE = (
    "dvc",
    "mlflow",
    "prefect",
    "ruamel",
    "hydra",
    "sqlalchemy",
    "pandas",
    "torch_fidelity",
    "pipeline",
    *EXTRAS,
)

# This imports every module of the stages. Packages that a bare machine lacks are blocked, and every function that
# starts CUDA raises an error: even counting devices starts the driver, after which no forked process can use it.
IMPORT_ALL = f"""
import importlib, pkgutil, sys
for name in {ELSEWHERE}:
    sys.modules[name] = None
import torch

def refuse(*arguments, **named):
    raise RuntimeError("CUDA was asked about on import")

for name in ("init", "_lazy_init", "is_available", "device_count"):
    setattr(torch.cuda, name, refuse)
for name in ("_cuda_init", "_cuda_getDeviceCount"):
    setattr(torch._C, name, refuse)
import stages
names = [module.name for module in pkgutil.walk_packages(stages.__path__, "stages.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def list_packages() -> set[str]:
    """List the modules of the packages that docs/gpu.md installs."""
    command = re.search(r"\$ pip install (torch.*)", (ROOT / "docs/gpu.md").read_text())
    assert command is not None
    names = [word.partition("==")[0] for word in command[1].split()]
    return {MODULES.get(name, name) for name in names}


def list_imports(file: Path) -> set[str]:
    """List the packages that a file imports, at its top or within functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found


def test_the_stages_import_only_what_the_document_has_installed() -> None:
    imported = set().union(*(list_imports(file) for file in (ROOT / "stages").rglob("*.py")))
    assert imported - set(sys.stdlib_module_names) - {"stages", *EXTRAS} <= list_packages()


def test_every_module_of_the_stages_is_imported_without_the_pipeline_and_without_starting_cuda() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    modules = [file for file in (ROOT / "stages").rglob("*.py") if file.name != "__init__.py"]
    assert int(done.stdout) > len(modules)
