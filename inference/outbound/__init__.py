"""Connections out of the service for a caller: to addresses that were checked, and to no other."""
