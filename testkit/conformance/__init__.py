"""Compares the service with MLflow: many models, each with many inputs, alone and among others.

What the service answers must be what `mlflow.pyfunc` and MLflow's scoring server answer to the same
row, or differ in a way that is stated (`differences`). docs/models-conformance.md is the table.
"""
