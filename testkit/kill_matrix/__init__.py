"""The kill matrix strikes real processes in every named gap and at random moments.

Then it checks everything that the service owes after a strike.
"""
