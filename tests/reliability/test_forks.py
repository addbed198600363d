"""Forked processes neither hang nor crash, whichever lock a thread of the parent holds."""

import os
import subprocess
import sys
import textwrap

import pytest

from tests.reliability import forks

slow = pytest.mark.slow(reason="12 children of each scenario")


@pytest.fixture(scope="module", params=[2, pytest.param(12, marks=slow)], ids="{} children".format)
def outcomes(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """The table of forks with few children: scenario -> counts of hung, crashed and wrong children."""
    command = [sys.executable, "-m", "tests.reliability.forks", str(request.param)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    assert lines, done.stderr
    assert {line[1] for line in lines} == {str(request.param)}
    return {line[0]: line[2:5] for line in lines}


@pytest.mark.parametrize("name", forks.NAMES)
def test_children_forked_while_threads_hold_a_lock_read_correct_values(
    outcomes: dict[str, list[str]], name: str
) -> None:
    assert outcomes[name] == ["0", "0", "0"]


def run(program: str) -> str:
    """Run a program that forks, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def test_a_long_wait_of_a_fork_is_logged_and_a_timeout_is_an_error_in_the_child() -> None:
    printed = run("""
        import os, threading, time
        from brainio import forks
        from brainio.netcdf.hdf5_lock import NETCDF4_PYTHON_LOCK, hdf5_access

        forks._LOG_AFTER, forks.LONGEST_WAIT = 0.2, 0.5
        NETCDF4_PYTHON_LOCK.acquire()  # by this very thread, which could never acquire it again
        child = os.fork()
        if not child:
            try:
                with hdf5_access():
                    pass
            except forks.ForkError as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        NETCDF4_PYTHON_LOCK.release()
        with hdf5_access():
            print("the parent goes on")
    """)
    assert "a fork waits until another thread of this process is done with HDF5" in printed
    assert "HDF5 cannot be used in this forked process" in printed
    assert "the parent goes on" in printed


def test_threads_that_acquire_locks_in_another_order_do_not_deadlock_with_a_fork() -> None:
    printed = run("""
        import os, threading, time
        from brainio import forks
        first, second = (forks.guard(threading.RLock(), name) for name in ("first", "second"))
        is_held = threading.Event()

        def work():
            with second:
                is_held.set()
                time.sleep(0.3)
                with first:
                    print("inside both")

        thread = threading.Thread(target=work)
        thread.start()
        is_held.wait()
        child = os.fork()
        if not child:
            os._exit(0 if first.acquire(False) and second.acquire(False) else 1)
        print(os.waitpid(child, 0)[1])
        thread.join()
    """)
    assert sorted(printed.split("\n")) == ["", "0", "inside both"]


def test_a_child_computes_lazy_values_in_its_own_thread_pool() -> None:
    printed = run("""
        import os
        from concurrent.futures import ThreadPoolExecutor
        import dask, dask.array
        from brainio import forks
        lazy = dask.array.ones((100, 100), chunks=10).sum()
        with dask.config.set(pool=ThreadPoolExecutor(3)):
            lazy.compute()
            child = os.fork()
            if not child:
                print(lazy.compute(), dask.config.get("pool")._max_workers, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
    """)
    assert printed == "10000.0 3\n"


def test_a_child_of_a_process_with_a_distributed_client_gets_a_helpful_error() -> None:
    printed = run("""
        import os, warnings
        warnings.simplefilter("ignore")
        import dask, dask.array
        from distributed import Client
        from brainio import forks
        lazy = dask.array.ones((10, 10), chunks=5).sum()
        if __name__ == "__main__":
            with Client(processes=False, dashboard_address=None, n_workers=1) as client:
                child = os.fork()
                if not child:
                    try:
                        lazy.compute()
                    except forks.ForkError as error:
                        print(error, flush=True)
                    print(lazy.compute(scheduler="threads"), flush=True)
                    os._exit(0)
                os.waitpid(child, 0)
                print(lazy.compute())
    """)
    assert "Connect a new client (distributed.Client(ADDRESS))" in printed
    assert printed.count("100.0") == 2


def test_a_forked_process_opens_its_own_database_connection() -> None:
    from brainio.catalogs.backends.sql import connections

    engine = connections.server_engine("postgresql://nobody@127.0.0.1:1/none")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        same = connections.server_engine("postgresql://nobody@127.0.0.1:1/none") is engine
        os.write(writing, b"shared" if same else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"own"
