"""Runs the whole service on one machine, for `scripts/run`.

It starts the services that are not named by a URL, keeps them running, and stops them.

Linux only, as its services are. An orphan is prevented twice over, by PR_SET_PDEATHSIG and by a
process, the orphan killer.
"""
