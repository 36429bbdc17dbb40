"""Celery in this worker: its app, what is added to its start, its request and its task.

Nothing else imports Celery.
"""
