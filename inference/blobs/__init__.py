"""Large inputs and results beside the store: a shared folder, or an object store."""
