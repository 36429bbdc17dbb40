"""Benchmarks: `python -m bench`.

Every figure is a ratio of things measured in one run, since machines are shared and noisy.
"""
