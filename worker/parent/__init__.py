"""The parent process of a worker speaks for the child to the store.

It replaces the child when need be.
"""
