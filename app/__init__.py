"""The gateway: it validates a request for a prediction, writes it down and answers; it never runs a
model.
"""
