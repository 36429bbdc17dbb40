"""What runs in a gateway beside its requests."""
