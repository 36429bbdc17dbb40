"""The model *match-outcome* and all that knows football: its features and training, the scoring
job, the gateway's look-ups.
"""
