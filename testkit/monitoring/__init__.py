"""A real Prometheus, a service that it reads while things go wrong, and pictures of what it saw."""
