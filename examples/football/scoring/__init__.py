"""Scores all upcoming matches into the file that the look-ups read: batch inference.

Its command is `python -m examples.football.scoring`.

No queue and no store: a run is a loop over rows that are all known. It is safe to kill for two
reasons. Each batch scored is kept as a part of its own, beside the file to come. The file is
replaced in one step when all parts are there.
"""
