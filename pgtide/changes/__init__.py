"""The catalogue of changes: one file, one change.

A change returns statements and never executes one.
"""
