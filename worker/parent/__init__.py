"""The parent process of a worker: it speaks for the child to the store, and replaces it when need
be.
"""
