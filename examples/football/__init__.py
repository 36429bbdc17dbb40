"""The model *match-outcome* and all that knows football.

That is its features and training, the scoring job, the gateway's look-ups.
"""
