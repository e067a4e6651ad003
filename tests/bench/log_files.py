"""The files of the server's log, laid in before anything is measured.

A server that is new has none to spare: whoever comes to the end of one writes 16 MB of zeros for
the next, and all who commit wait for that. One that has been at work has its files come round again
after each checkpoint, so they never are in what it makes others wait for.
"""

from typing import Final

import psycopg

# To half of the 4 GB of max_wal_size a checkpoint is asked for; from then on none is made.
_FILES: Final = 140


def lay_in(url: str) -> None:
    """Have so many files made, and come round."""
    with psycopg.connect(url, autocommit=True) as admin:
        for _ in range(_FILES):
            # A file to which nothing was written would not be left for the next.
            admin.execute("SELECT pg_logical_emit_message(false, 'bench', '')")
            admin.execute("SELECT pg_switch_wal()")
        admin.execute("CHECKPOINT")
