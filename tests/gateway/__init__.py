"""The gateway against a real store, a real registry and real processes; the test plays the worker,
on the worker's store.
"""
