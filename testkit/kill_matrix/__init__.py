"""The kill matrix: real processes, struck in every named gap and at random moments, and what the
service owes after it.
"""
