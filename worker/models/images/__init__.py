"""Images as inputs: fetched, decoded to pixels, and labelled."""
