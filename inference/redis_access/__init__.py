"""Where a server of the Redis family is, and clients that reach it: for store and broker alike.

It may be a single server, with or without TLS, or a set that Sentinels watch.
"""
