"""A model as its `MLmodel` file describes it: the signature, and the checks made from it."""
