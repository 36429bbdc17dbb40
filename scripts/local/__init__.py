"""The whole service on one machine, for `scripts/run`: starts what is not named by a URL, keeps it
running, stops it.

Linux only, as its services are: an orphan is prevented twice over, by PR_SET_PDEATHSIG and by a
process, the orphan killer.
"""
