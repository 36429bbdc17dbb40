"""The model *image-classifier*: EfficientNet-Lite0 with its ImageNet weights, and the picture that
it is registered with.
"""
