"""The worker is one process for one model on one device.

It claims records, runs them in batches and writes the outcomes.
"""
