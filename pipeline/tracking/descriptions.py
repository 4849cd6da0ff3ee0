"""Descriptions of runs and experiments, which a person may have edited: what a person wrote is kept."""

from collections.abc import Mapping

from pipeline.tracking.lineage import hash_content

DESCRIPTION = "mlflow.note.content"
# Of the description that was written last by this package.
DESCRIPTION_HASH = "description_hash"


def write_description(text: str, tags: Mapping[str, str], owner: str, notes: list[str]) -> dict[str, str]:
    """Return the tags that give a run or an experiment its description; none where a person has written another.

    Args:
        text: the description.
        tags: that the run or the experiment has.
        owner: which one it is, for the note.
        notes: gets a line where the description is kept.
    """
    present, written = tags.get(DESCRIPTION), tags.get(DESCRIPTION_HASH)
    if present and written is not None and hash_content(present) != written:
        notes.append(f"the description of {owner} was edited and is kept; empty it to have it written again")
        return {}
    return {DESCRIPTION: text, DESCRIPTION_HASH: hash_content(text)}
