"""The store: its protocols and messages, and the factory that builds one.

`inference.store.redis` is one kind.
"""
