"""With this folder on PYTHONPATH Python imports this as it starts: so the hook is also in the child
that a worker spawns.
"""

from testkit.failpoint_hook import install

install()
