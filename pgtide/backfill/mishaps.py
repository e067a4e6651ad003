"""What may become of a batch and is no error: whoever drives its slice goes on another way."""


class Rewritten(Exception):
    """A leaf was rewritten, or detached, between two batches: its block numbers mean nothing."""

    def __init__(self, leaf: int) -> None:
        super().__init__(leaf)
        self.leaf = leaf


class KeyGone(Rewritten):
    """The key along which a leaf was walked is there no more: it is cut anew along another."""


class Taken(Exception):
    """Another worker has the slice: this one was silent for longer than its lease."""


class Elsewhere(Exception):
    """The slice is this worker's and stands elsewhere: a crash lost batches that it saw committed.

    It had connected anew for something else meanwhile, and not looked.
    """


class Locked(Exception):
    """A batch met a lock that others hold, and was rolled back; `reason` holds no data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
