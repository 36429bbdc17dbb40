"""Checks a request's body against the model's signature.

It does so on the event loop or in a process beside it.
"""
