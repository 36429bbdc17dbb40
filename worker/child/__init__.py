"""The child process of a worker: it holds the model, claims records, runs them and writes the
outcomes.
"""
