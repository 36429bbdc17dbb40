"""The child process of a worker holds the model.

It claims records, runs them and writes the outcomes.
"""
