"""What gateway and worker must agree on: records, states, store, tickets.

It imports neither of them.
"""
