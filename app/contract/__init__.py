"""What gateway and worker must agree on: the record, its states and moves, the store, the ticket. A leaf: it imports nothing of `app`."""
