"""The ledger: what was done, by whom, and what may be done next.

In the target database, the one truth.
"""
