"""Measures the worker on a real device.

It shows where the worker puts a model, how fast it is there, and its behaviour when the device
fails.
"""
