"""What gateway and worker must agree on: record, states, moves, store, ticket. A leaf: it imports nothing else of `app`."""
