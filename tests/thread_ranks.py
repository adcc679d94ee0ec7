"""Ranks of a job that are threads of this process; tests/test_mpi.py runs real ones."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from mlp.communicator import Ranks

MPI = SimpleNamespace(
    IN_PLACE="in place", BYTE="bytes", COMM_TYPE_SHARED="shared",
    THREAD_FUNNELED=1, THREAD_SERIALIZED=2, Query_thread=lambda: 2,
)  # fmt: skip


class Host:
    """What the ranks of a job have in common."""

    def __init__(self, size):
        self.size, self.meeting, self.posted = size, threading.Barrier(size), {}
        self.collectives = 0


class Comm:
    """A rank's end of the job: what `Ranks` calls of mpi4py's `Comm`."""

    def __init__(self, host, rank):
        self.host, self.rank = host, rank

    def Get_rank(self):  # noqa: N802 - MPI's own names
        return self.rank

    def Get_size(self):  # noqa: N802
        return self.host.size

    def Split_type(self, kind):  # noqa: N802
        return self

    def Free(self):  # noqa: N802
        pass

    def Barrier(self):  # noqa: N802
        self.host.meeting.wait()

    def allgather(self, value):
        self.host.posted[self.rank] = value
        self.host.meeting.wait()
        values = [self.host.posted[rank] for rank in range(self.host.size)]
        self.host.meeting.wait()
        return values

    def bcast(self, value, root):
        return self.allgather(value)[root]

    def Allgatherv(self, send, receive):  # noqa: N802
        assert send == "in place"
        buffer, sizes, starts, kind = receive
        assert kind == "bytes"
        assert starts == [sum(sizes[:rank]) for rank in range(self.host.size)]
        mine = buffer[starts[self.rank] :][: sizes[self.rank]].copy()
        for rank, part in enumerate(self.allgather(mine)):
            assert part.size == sizes[rank], "a rank lays out the buffer differently"
            buffer[starts[rank] : starts[rank] + sizes[rank]] = part
        if self.rank == 0:
            self.host.collectives += 1


def on_ranks(size, work):
    """Run `work(communicator)` on every rank; give the results and the job."""
    host = Host(size)

    def run(rank):
        try:
            return work(Ranks(Comm(host, rank)))
        except BaseException:
            host.meeting.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size))), host
