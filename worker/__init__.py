"""The worker: one process, one model, one device; it claims records, runs them in batches and
writes what came out.
"""
