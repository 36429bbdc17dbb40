"""Gives a Python process the wrong time of day, CLOCK_OFF_BY_S beside the right one.

It takes effect with this folder on PYTHONPATH. It is in Python and not by libfaketime, whose
clock_nanosleep refuses the sleeps of Python 3.11. Celery and kombu ask `time.time`.
"""

import os
import time
from functools import partial


def _wrong(right, off):  # type: ignore[no-untyped-def]
    return right() + off


_seconds = int(os.environ["CLOCK_OFF_BY_S"])
time.time = partial(_wrong, time.time, _seconds)
time.time_ns = partial(_wrong, time.time_ns, _seconds * 10**9)
