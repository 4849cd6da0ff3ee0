"""The stages of the comparison, a package each: `python -m stages.train ...`."""
