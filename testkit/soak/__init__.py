"""The soak: minutes at capacity under failures, and what of memory, descriptors, keys and
connections is left when all expired.
"""
