"""Correct the absolute paths that MLflow stores in its database, after the repository has moved.

The tables are MLflow's own, so the caller checks `is_verified_version` first.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

# Every column in which MLflow stores an absolute path.
PATH_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def replace_folder(database: Path, former: Path, present: Path) -> None:
    """Replace the folder at the start of absolute paths, in all columns of MLflow's SQLite database that have paths."""
    pairs = [(former.as_uri(), present.as_uri()), (str(former), str(present))]
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in PATH_COLUMNS:
            for old, new in pairs:
                # The table and the column come from the constant above.
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )
