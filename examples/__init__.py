"""What the service is shown with: each folder is a user of it, and nothing in the service knows one
of them.
"""
