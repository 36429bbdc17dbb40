"""The model *image-classifier*: EfficientNet-Lite0 with its ImageNet weights.

The folder also has the picture that it is registered with.
"""
