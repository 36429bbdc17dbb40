"""What the chart renders, and that it is what the programs, Kubernetes and KEDA take.

Needs helm, helm-docs and kubeconform.
"""
