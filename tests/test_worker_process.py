"""If a file crashes, hangs or exhausts the worker process, the caller gets an error that names the file."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from brainio.errors import AssemblyFormatError, FormatWarning, ResourceLimitError, WorkerError
from brainio.worker_process import Limits, WorkerProcess, call_in_worker, limits_for

ROOT = Path(__file__).parents[1]
LIMITS = Limits(20, 300)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    worker = WorkerProcess("test")
    yield worker
    worker.stop()


def call(worker: WorkerProcess, function: str, *arguments: Any, limits: Limits = LIMITS) -> Any:
    return worker.call(f"tests.worker_functions:{function}", list(arguments), subject="a.nc", limits=limits)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int, within: float = 20) -> bool:
    end = time.monotonic() + within
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_running(pid)


def test_a_hundred_calls_start_one_process_and_a_nested_call_none(worker: WorkerProcess) -> None:
    pids = {call(worker, "pid") for _ in range(100)} | {call(worker, "pid_of_nested_call")}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_errors_and_warnings_of_the_hierarchy_arrive_as_they_were_raised(worker: WorkerProcess) -> None:
    with pytest.warns(FormatWarning, match="odd"), pytest.raises(AssemblyFormatError, match=r"^a\.nc is damaged$"):
        call(worker, "fail", True)


@pytest.mark.filterwarnings("ignore::brainio.errors.FormatWarning")
def test_foreign_errors_become_worker_errors(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerError, match=r"^a\.nc cannot be processed: LookupError: unknown encoding"):
        call(worker, "fail", False)


def test_a_crash_is_an_error_that_names_the_file_and_the_next_call_works(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerError, match=r"^a\.nc crashed the worker process .*SIGSEGV.*Fetch or write it again"):
        call(worker, "crash")
    assert call(worker, "sleep", 0) == 0


def test_a_hang_is_an_error_that_names_file_limit_and_setting(worker: WorkerProcess) -> None:
    with pytest.raises(ResourceLimitError, match=r"^a\.nc took more than 1 s .*set BRAINIO_WORKER_SECONDS"):
        call(worker, "hang", limits=Limits(0.6, 300))
    assert call(worker, "sleep", 0) == 0


@pytest.mark.parametrize(("function", "arguments"), [("grow", []), ("allocate", [8 << 30])])
def test_exhausted_memory_is_an_error_that_names_file_limit_and_setting(
    worker: WorkerProcess, function: str, arguments: list[int]
) -> None:
    with pytest.raises(ResourceLimitError, match=r"^a\.nc took more than 300 MB .*set BRAINIO_WORKER_MB"):
        call(worker, function, *arguments)
    assert call(worker, "sleep", 0) == 0


def test_the_system_bounds_cpu_time_also_while_the_parent_is_stopped(worker: WorkerProcess) -> None:
    pid = call(worker, "pid", limits=Limits(5, 300))
    assert int(Path(f"/proc/{pid}/limits").read_text().split("Max cpu time")[1].split()[0]) <= 9


def test_output_of_libraries_does_not_count_as_an_answer(worker: WorkerProcess) -> None:
    assert call(worker, "write_noise") == "result"


@pytest.mark.parametrize(
    "answer",
    [
        "no JSON",
        "[1]",
        '{"result": 1}',
        json.dumps({"result": None, "warnings": [], "error": ["SystemExit", "0"]}),
        json.dumps({"result": None, "warnings": [["os", "x"]], "error": ["annotations", "x"]}),
        "[" * 100_000,
    ],
)
def test_an_answer_that_a_hostile_file_forged_is_an_error(answer: str) -> None:
    worker = WorkerProcess("test")  # its process may have more output, which no later call may read
    try:
        with pytest.raises(WorkerError, match=r"^a\.nc"):
            call(worker, "answer_raw", answer)
    finally:
        worker.stop()


def test_the_worker_has_the_environment_and_search_path_of_the_moment(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert call(worker, "environment", "LAB") is None
    monkeypatch.setenv("LAB", "value")
    monkeypatch.syspath_prepend(tmp_path)
    assert call(worker, "environment", "LAB") == "value"
    assert str(tmp_path) in call(worker, "search_path")


def test_a_file_next_to_a_script_does_not_shadow_the_standard_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("re", "json", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(1)")
    monkeypatch.syspath_prepend(tmp_path)
    worker = WorkerProcess("test")
    assert call(worker, "sleep", 0) == 0
    worker.stop()


def test_an_interrupted_call_leaves_no_answer_to_the_next(worker: WorkerProcess) -> None:
    call(worker, "pid")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        call(worker, "sleep", 30)
    assert call(worker, "sleep", 0) == 0


def test_ctrl_c_while_the_worker_starts_leaves_it_to_the_parent(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")


INTERRUPTED = """
import os, signal, threading
from brainio.worker_process import WorkerProcess
def interrupt():
    while not done.wait(0.005):
        if worker._process is not None:
            os.kill(worker._process.pid, signal.SIGINT)
done, worker = threading.Event(), WorkerProcess("test")
threading.Thread(target=interrupt).start()
print(worker.call("math:floor", [0.5], subject="a.nc"))
done.set()
worker.stop()
"""


def test_stopping_ends_a_running_call_at_once_and_allows_no_further_one() -> None:
    for _ in range(5):
        worker = WorkerProcess("test")
        call(worker, "sleep", 0)
        with ThreadPoolExecutor(2) as threads:
            calls = [threads.submit(call, worker, "sleep", 30) for _ in range(2)]  # one runs, one waits for it
            while worker._calls < 2:
                time.sleep(0.001)
            worker.stop()
            failures = [call.exception(timeout=10) for call in calls]
        assert [type(failure) for failure in failures] == [WorkerError, WorkerError]
        assert {str(failure) for failure in failures} == {"a.nc was not processed: the worker process was stopped"}
        assert worker._process is not None
        assert worker._process.stdout is not None
        assert worker._process.stdout.closed


def test_a_killed_worker_is_an_error_and_replaced(worker: WorkerProcess) -> None:
    pid = call(worker, "pid")
    threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerError, match=r"^a\.nc: the worker process was killed \(SIGKILL\)"):
        call(worker, "sleep", 30)
    assert call(worker, "pid") != pid


SCRIPT = """
import os, shutil, sys, tempfile, threading
folder = tempfile.mkdtemp()
os.chdir(folder)
shutil.rmtree(folder)
from brainio.worker_process import call_in_worker
found = []
def run():
    found.append(call_in_worker("tests.worker_functions:pid", [], subject="a.nc", paths=[]))
thread = threading.Thread(target=run, daemon=True)
thread.start()
thread.join()
print(found[0], flush=True)
if len(sys.argv) > 1:
    call_in_worker("tests.worker_functions:sleep", [60], subject="a.nc", paths=[])
"""


def run_script(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_the_worker_runs_in_a_daemon_thread_of_a_script_without_main_guard_and_folder() -> None:
    with run_script() as script:
        output, _ = script.communicate(timeout=60)
    assert script.returncode == 0
    assert ends(int(output))


def test_a_worker_ends_with_its_parent_even_during_a_call() -> None:
    with run_script("sleep") as script:
        assert script.stdout is not None
        pid = int(script.stdout.readline())
        assert is_running(pid)
        script.kill()
    assert ends(pid)


def child_pid(worker: WorkerProcess, answers: "multiprocessing.SimpleQueue[int]") -> None:
    answers.put(worker.call("tests.worker_functions:pid", [], subject="a.nc", limits=LIMITS))
    worker.stop()


def test_a_forked_child_starts_its_own_worker(worker: WorkerProcess) -> None:
    context = multiprocessing.get_context("fork")
    own, answers = call(worker, "pid"), context.SimpleQueue()
    child = context.Process(target=child_pid, args=(worker, answers))
    child.start()
    child.join(60)
    assert answers.get() != own
    assert call(worker, "pid") == own


def test_limits_grow_with_the_size_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nc").write_bytes(bytes(10**6))
    assert limits_for(tmp_path / "a.nc", tmp_path / "missing.nc")[:2] == (301, 500)
    monkeypatch.setenv("BRAINIO_WORKER_SECONDS", "10")
    assert limits_for()[:2] == (10, 500)
    monkeypatch.setenv("BRAINIO_WORKER_MB", "much")
    with pytest.raises(WorkerError, match="BRAINIO_WORKER_MB='much' is not a positive number"):
        call_in_worker("tests.worker_functions:pid", [], subject="a.nc", paths=[])
