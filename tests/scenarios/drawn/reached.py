"""What a case may come to, so that a test can tell that its cases come to all of it."""

from enum import StrEnum


class Reached(StrEnum):
    """Something that a rule is about."""

    HEALED = "a row was healed between two writes"
    REFUSED = "a write was refused as it must be"
    CONTRADICTED = "a write contradicted itself"
    AWAITED = "somebody waited for an open transaction"
    TAKEN_BACK = "a transaction was rolled back"
    REKEYED = "a row got another key"
    SEVERAL_PASSES = "a table was walked in several passes"
    BY_KEY = "a table was walked along its key"
    WRITTEN_CONTRACTED = "a write came after contract"
