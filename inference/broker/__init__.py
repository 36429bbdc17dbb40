"""The broker: what a gateway publishes tickets on.

What workers take them with is Celery, see `inference.broker.celery_config`.
"""
