"""The soak runs the service for minutes at capacity under failures.

Then it measures the memory, descriptors, keys and connections that are left when all expired.
"""
