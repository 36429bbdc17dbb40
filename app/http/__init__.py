"""HTTP and nothing else: one module a group of paths."""
