"""The gateway validates a request for a prediction, writes it down and answers.

It never runs a model.
"""
