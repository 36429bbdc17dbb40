"""Tests the gateway against a real store, a real registry and real processes.

The test plays the worker, on the worker's store.
"""
