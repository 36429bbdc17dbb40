"""Installs the hook as Python starts, with this folder on PYTHONPATH.

Python imports this file then, so the hook is also in the child that a worker spawns.
"""

from testkit.failpoint_hook import install

install()
