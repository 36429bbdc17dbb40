"""Scores a table with any model: batch inference, by `python -m worker.batch`.

No queue and no store: a run is a loop over the rows of a file. Each row gets the answer that the
service would give it, by the same code. What was scored is kept in parts beside the output, so that
a run that was killed goes on. The output comes in one step when all parts are there.
"""
