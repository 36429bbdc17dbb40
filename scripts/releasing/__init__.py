"""What `scripts/release` does: images and chart of one version, for a registry of the user's."""
