"""The worker on a real device: where it puts a model, how fast it is there, and what it does when
the device fails.
"""
