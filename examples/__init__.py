"""The examples show the service at work.

Each folder is a user of the service, and nothing in the service knows one of them.
"""
