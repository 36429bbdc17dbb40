"""Batch inference: `python -m examples.football.scoring` scores all upcoming matches into the file
that the look-ups read.

No queue and no store: a run is a loop over rows that are all known. What makes it safe to kill is
that each batch scored is kept as a part of its own, beside the file to come, and that the file is
replaced in one step when all are there.
"""
