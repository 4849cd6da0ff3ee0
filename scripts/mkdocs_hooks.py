"""Give the site the documents of the repository's root, and a page for the API of each package.

MkDocs calls these functions by their names; mkdocs.yml names this file.
"""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# The documents of the root by the names that they have on the site.
ROOT_DOCUMENTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
API_TREES = ("stages", "pipeline")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the API to the navigation."""
    pages: list[Any] = [
        {name_package(package): f"api/{name_package(package)}.md"} for package in list_packages()
    ]
    assert config.nav is not None
    config.nav.append({"API": ["api/index.md", *pages]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for name, page in ROOT_DOCUMENTS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=move_links(text)))
    files.append(File.generated(config, "api/index.md", content=write_api_index()))
    for package in list_packages():
        page = f"api/{name_package(package)}.md"
        files.append(File.generated(config, page, content=write_api_page(package)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Let links from docs/ to the repository's root lead to the site's pages."""
    return re.sub(
        r"\]\(\.\./([A-Z]+\.md)",
        lambda found: f"]({ROOT_DOCUMENTS.get(found[1], f'../{found[1]}')}",
        markdown,
    )


def move_links(text: str) -> str:
    """Rewrite the links of a document of the root for its place among the documents of docs/."""
    text = re.sub(r"\]\(docs/([^)#]*/)?results\)", r"](results/README.md)", text)
    text = text.replace("](docs/", "](")
    for name, page in ROOT_DOCUMENTS.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text


def list_packages() -> list[Path]:
    """List the packages that hold modules besides their command."""
    folders = [path.parent for tree in API_TREES for path in sorted((ROOT / tree).rglob("__init__.py"))]
    return [folder for folder in folders if list_modules(folder)]


def list_modules(folder: Path) -> list[str]:
    """List the modules of a package; those that start with an underscore, such as a command, are left out."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def name_package(folder: Path) -> str:
    """Return the name by which a package is imported."""
    return folder.relative_to(ROOT).as_posix().replace("/", ".")


def write_api_page(folder: Path) -> str:
    """Write the page of a package: mkdocstrings puts the docstrings of its modules in place."""
    package = name_package(folder)
    parts = [f"# {package}", read_docstring(folder)]
    return "\n\n".join([*parts, *(f"::: {package}.{module}" for module in list_modules(folder))]) + "\n"


def write_api_index() -> str:
    """Write the list of packages."""
    rows = []
    for folder in list_packages():
        first_line = read_docstring(folder).partition("\n")[0]
        rows.append(f"| [{name_package(folder)}]({name_package(folder)}.md) | {first_line} |")
    return "\n".join(["# API", "", "| Package | What it is |", "|---|---|", *rows]) + "\n"


def read_docstring(folder: Path) -> str:
    """Read a package's docstring, or that of its command."""
    for name in ("__init__.py", "__main__.py"):
        if (folder / name).exists():
            docstring = ast.get_docstring(ast.parse((folder / name).read_text(encoding="utf-8")))
            if docstring:
                return docstring
    return ""
