"""The workers of one process: they share the slices with each other, and with other processes.

A slice is claimed before it is walked. What a dead worker held is claimed after its server process
has been ended, so that it cannot commit any more.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Protocol, Self

from pgtide.backfill.batch import Work
from pgtide.backfill.drive import drive
from pgtide.backfill.hands import Hands
from pgtide.backfill.lock_hold import LockHold
from pgtide.backfill.mishaps import KeyGone, Rewritten, Taken
from pgtide.backfill.outage import steadily
from pgtide.backfill.pacing import Pacing
from pgtide.backfill.rewalk import Rewalk
from pgtide.backfill.rules import Rules
from pgtide.backfill.throttle.wait import Before, unhindered
from pgtide.backfill.turns import Turns
from pgtide.errors import PgtideError
from pgtide.ledger import backends, claims, slices
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Slice
from pgtide.ledger.worker import Worker, begin, purpose, session_name
from pgtide.model.table import TableName
from pgtide.postgres.keys import Key, key_of, read_keys
from pgtide.postgres.leaves import leaf_name
from pgtide.postgres.session import Session


class Works(Protocol):
    """Return the statements for a leaf by its name of now, and along its key if it has one."""

    def __call__(self, leaf: TableName, *, key: Key | None = None) -> Work:
        """Return the statements."""
        ...


class Crew:
    """Lend a worker to each thread that fills; the first that fails stops all.

    Its workers stay from round to round: to begin costs a worker's session, and what that learns of
    the server, some hundredths of a second each time. They are `hands` at most.
    """

    def __init__(self, run: Run, hands: Hands, before: Before = unhindered) -> None:
        self.run = run
        self._rules = Rules(before=before, turns=Turns(hands), hold=LockHold())
        self._workers: list[Worker] = []
        self._idle: SimpleQueue[tuple[Worker, Pacing]] = SimpleQueue()
        self._ending = ExitStack()
        self._rewalk = Rewalk()
        self._first: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    @contextmanager
    def round(self, workers: int) -> Iterator[None]:
        """Have so many workers at least; raises what hinders one from beginning.

        None may be at work when a round begins, or ends.
        """
        self._first = None
        self._rewalk = Rewalk()
        self._rules.hold.left.clear()
        self._grow(workers - len(self._workers))
        self._idle = SimpleQueue()
        for worker in self._workers:
            # What a block of another round cost says nothing.
            self._idle.put((worker, Pacing()))
        try:
            yield
        except Rewritten:
            # The only end of a round after which the same workers go on.
            self._first = None
            self.give_back()
            raise

    def fill(self, works: Works, ids: Sequence[int]) -> int:
        """Walk those of the slices that nobody else has; return how many rows were filled.

        A slice of which somebody keeps a row is left at the first visit in a round, and is free
        again; at the next, when all others have been visited, its worker stays.
        More threads may ask than there are workers: those left over wait for one. Raises what ended
        the walk of any worker of the crew.
        """
        with self._worker() as (worker, pacing):
            return sum(self._walk(worker, works, one, pacing) for one in ids)

    def give_back(self) -> bool:
        """Free what the workers still have while none is at work; tell whether there was anything.

        A crash of the server may open a slice again whose worker saw it done.
        """
        given = 0
        for worker in self._workers:
            given += steadily(worker, self._back(worker))
        return given > 0

    def _back(self, worker: Worker) -> Callable[[Session], int]:
        return partial(claims.give_back, lease=worker.lease, worker_id=worker.id)

    def _walk(self, worker: Worker, works: Works, slice_id: int, pacing: Pacing) -> int:
        worker.check()
        piece = steadily(worker, lambda _session: claimed(worker, slice_id))
        if piece is None:
            return 0
        work = works(_leaf(worker, piece), key=_key(worker, piece))
        piece = self._rewalk(worker, piece)
        try:
            after = drive(worker, work, piece, pacing, rules=self._rules)
        except Taken:
            # Its new worker goes on with it; what was committed here counts there.
            return 0
        if not after.done:
            # Somebody keeps a row of it: others first.
            steadily(worker, self._back(worker))
        return after.rows - piece.rows

    @contextmanager
    def _worker(self) -> Iterator[tuple[Worker, Pacing]]:
        one = self._idle.get()
        try:
            yield one
        except BaseException as error:
            # Before the worker is given back: who waits for it must find what ended the crew.
            self._first = self._first or error
            raise
        finally:
            self._idle.put(one)

    def _grow(self, more: int) -> None:
        # Into the ledger one after another, on the run's session; their own are opened at once.
        numbers = [steadily(self.run, self._begin) for _ in range(more)]
        self._rules.turns.know(session_name(self.run.lease, number) for number in numbers)
        with ThreadPoolExecutor(max(1, more)) as pool:
            come = partial(Worker, self.run, check=self._check)
            begun = [pool.submit(come, number) for number in numbers]
            for worker in begun:
                self._ending.callback(_end, worker)
        self._workers += [worker.result() for worker in begun]

    def _begin(self, session: Session) -> int:
        number = begin(session, self.run.lease)
        self.run.heart.beat_for(number)
        # After its end: what it cannot give back is taken by others after its lease.
        self._ending.callback(self.run.heart.let_go, number)
        return number

    def _check(self) -> None:
        if self._first is not None:
            raise self._first


def claimed(worker: Worker, slice_id: int) -> Slice | None:
    """Take a slice and return it; None where it is done, or in a living worker's hands."""
    piece = slices.read_one(worker.session, slice_id)
    silence = worker.settings.lease.total_seconds()
    if not claims.is_free(worker.session, worker.lease, piece, silence=silence):
        return None
    if piece.worker_id is not None:
        theirs = purpose(worker.lease, piece.worker_id)
        backends.end(worker.session, worker.lease.run_id, purpose=theirs)
    won = claims.claim(worker.session, worker.lease, piece, worker.id)
    # Read again: its last worker may have moved it until its end.
    return slices.read_one(worker.session, slice_id) if won else None


def _leaf(worker: Worker, piece: Slice) -> TableName:
    plan = worker.plan
    if piece.leaf == plan.table_oid:
        return plan.table
    found = steadily(worker, lambda session: leaf_name(session, plan.table_oid, piece.leaf))
    if found is None:
        raise Rewritten(piece.leaf)
    return found


def _key(worker: Worker, piece: Slice) -> Key | None:
    if piece.keys is None:
        return None
    keys = steadily(worker, lambda session: read_keys(session, piece.leaf))
    found = key_of(keys, piece.keys.columns)
    if found is None:
        # Dropped, or another by now: the leaf is cut anew.
        raise KeyGone(piece.leaf)
    return found


def _end(worker: Future[Worker]) -> None:
    # One that did not begin has nothing.
    with suppress(PgtideError):
        worker.result().end()
