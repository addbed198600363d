"""Processes share one cache: each file is downloaded once, and stays correct despite kills, hangs and pruning."""

from pathlib import Path

import pytest

from tests.cache.helpers import BODY, MIB, SHA1, files_below, lines, run_processes

# Every process that fetches records its first byte in `fetched`.
FETCH = """
def fetch(pause=0.0):
    with cache.receive(name="a.nc", sha1=SHA1, size=len(BODY)) as incoming:
        if incoming.found is not None:
            return incoming.found
        note("fetched", incoming.offset)
        for start in range(incoming.offset, len(BODY), MIB // 2):
            incoming.write(BODY[start : start + MIB // 2])
            time.sleep(pause)
        return incoming.finish()

def fetch_and_look(pause=0.0):
    assert fetch(pause).read_bytes() == BODY
"""


@pytest.mark.parametrize("count", [6, pytest.param(32, marks=pytest.mark.slow(reason="32 processes"))])
def test_only_one_of_many_processes_fetches_a_file(tmp_path: Path, count: int) -> None:
    run_processes(
        FETCH + f"join([fork(fetch_and_look, 0.02) for _ in range({count})])", tmp_path / "cache", tmp_path / "notes"
    )
    assert lines(tmp_path / "notes" / "fetched") == ["0"]
    assert files_below(tmp_path / "cache" / "partial") == []


def test_another_process_resumes_the_download_of_a_killed_one(tmp_path: Path) -> None:
    script = """
def fetch_half_and_die():
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY[: 2 * MIB])
        note("half")
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

first = fork(fetch_half_and_die)
while not (scratch / "half").exists():
    time.sleep(0.01)
others = [fork(fetch_and_look) for _ in range(5)]
assert os.waitpid(first, 0)[1] == signal.SIGKILL
join(others)
"""
    run_processes(FETCH + script, tmp_path / "cache", tmp_path / "notes")
    assert lines(tmp_path / "notes" / "fetched") == [str(2 * MIB)]
    assert files_below(tmp_path / "cache" / "partial") == []


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow(reason="50 kills"))])
def test_kills_at_random_moments_of_a_download_lose_no_written_bytes(tmp_path: Path, kills: int) -> None:
    script = """
from brainio.cache import incoming_files as writing
writing.BLOCK = 50_000

def fetch_slowly():
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        note("offsets", incoming.offset if incoming.found is None else len(BODY))
        for start in range(incoming.offset, len(BODY), 50_000):
            incoming.write(BODY[start : start + 50_000])
            time.sleep(0.002)
        incoming.found or incoming.finish()

def offsets():
    return [int(line) for line in lines(scratch / "offsets")]

random.seed(4)
killed = 0
while killed < int(sys.argv[3]):
    begun = len(offsets())
    child = fork(fetch_slowly)
    while killed % 2 and len(offsets()) == begun:
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    killed += os.waitpid(child, 0)[1] == signal.SIGKILL
    found = cache.find(SHA1, "a.nc")
    assert found is None or found.read_bytes() == BODY
    assert offsets() == sorted(offsets()), offsets()
    note("all", offsets()[-1] if offsets() else 0)
    if found is not None:
        found.unlink()
        (scratch / "offsets").unlink()
fetch_and_look()
"""
    run_processes(FETCH + script, tmp_path / "cache", tmp_path / "notes", str(kills))
    assert len(set(lines(tmp_path / "notes" / "all"))) > min(kills // 6, 3)  # kills at different positions
    assert not [name for name in files_below(tmp_path / "cache" / "partial") if name.startswith("sha1-")]


def test_a_hanging_process_is_not_waited_for_and_can_resume(tmp_path: Path) -> None:
    script = """
from brainio import locks
locks.STALLED = 3
os.fsync = lambda _: None  # a busy disk may take longer

def hang():
    with cache.receive(name="a.nc", sha1=SHA1) as incoming:
        incoming.write(BODY[: 3 * MIB])
        note("hangs")
        os.kill(os.getpid(), signal.SIGSTOP)
        incoming.write(BODY[3 * MIB :])
        assert incoming.finish().read_bytes() == BODY

hanging = fork(hang)
while not (scratch / "hangs").exists():
    time.sleep(0.01)
join([fork(fetch_and_look, 0.01) for _ in range(4)])
os.kill(hanging, signal.SIGCONT)
join([hanging])
"""
    run_processes(FETCH + script, tmp_path / "cache", tmp_path / "notes")
    offsets = lines(tmp_path / "notes" / "fetched")
    assert offsets[0] == str(3 * MIB)  # the bytes of the stalled process are reused
    assert len(offsets) < 4
    assert files_below(tmp_path / "cache" / "partial") == []


def test_a_slow_process_that_makes_progress_is_waited_for(tmp_path: Path) -> None:
    script = """
from brainio import locks
locks.STALLED = 3
os.fsync = lambda _: None  # a busy disk may take longer
pids = [fork(fetch_and_look, 0.4) for _ in range(4)]
join(pids)
"""
    run_processes(FETCH + script, tmp_path / "cache", tmp_path / "notes")
    assert lines(tmp_path / "notes" / "fetched") == ["0"]


@pytest.mark.parametrize("how", ["lambda *_: None", "no_locks"], ids=["locks that lie", "no locks"])
def test_every_process_gets_the_correct_bytes_without_working_locks(tmp_path: Path, how: str) -> None:
    script = f"""
import fcntl

def no_locks(*_):
    raise OSError(95, "not supported")

fcntl.flock = {how}

def fetch_in_pieces():
    while True:
        try:
            with cache.receive(name="a.nc", sha1=SHA1) as incoming:
                for start in range(incoming.offset, len(BODY) if incoming.found is None else 0, 300_000):
                    incoming.write(BODY[start : start + 300_000])
                    if random.random() < 0.05:
                        raise ConnectionError
                path = incoming.found or incoming.finish()
            assert path.read_bytes() == BODY
            return
        except ConnectionError:
            pass

join([fork(fetch_in_pieces) for _ in range(6)])
"""
    run_processes(script, tmp_path / "cache", tmp_path / "notes")
    folder = tmp_path / "cache" / "content" / SHA1[:2] / SHA1
    assert (folder / "a.nc").read_bytes() == BODY


@pytest.mark.parametrize("count", [6, pytest.param(28, marks=pytest.mark.slow(reason="32 processes"))])
def test_processes_that_fetch_and_prune_at_once_read_only_correct_bytes(tmp_path: Path, count: int) -> None:
    script = """
from brainio.cache.pruning import prune, remove
from brainio.cache.verification import verify
from brainio.cache.inventory import list_items

bodies = {f"{number}.nc": bytes([number]) * 300_000 for number in range(6)}
digests = {name: hashlib.sha1(body).hexdigest() for name, body in bodies.items()}

def get(name):
    found = cache.find(digests[name], name)
    if found is not None:
        return found
    with cache.receive(name=name, sha1=digests[name], size=300_000) as incoming:
        if incoming.found is not None:
            return incoming.found
        note("fetched")
        for start in range(incoming.offset, 300_000, 50_000):
            incoming.write(bodies[name][start : start + 50_000])
        return incoming.finish()

def read():
    end = time.monotonic() + 1
    while time.monotonic() < end:
        name = random.choice(list(bodies))
        try:
            assert get(name).read_bytes() == bodies[name]
            note("read")
        except FileNotFoundError:
            note("lost")

def clear():
    end = time.monotonic() + 1
    while time.monotonic() < end:
        prune(root, max_size=random.choice([0, 500_000]))
        remove(root, [random.choice(list(digests.values()))])
        list_items(root)
        faults = [checked for checked in verify(root) if checked.fault]
        assert not faults, faults
        time.sleep(random.uniform(0, 0.05))

readers = int(sys.argv[3])
join([*(fork(read) for _ in range(readers)), *(fork(clear) for _ in range(1 + readers // 8))])
prune(root, max_size=0)
"""
    run_processes(script, tmp_path / "cache", tmp_path / "notes", str(count))
    read, fetched, lost = (len(lines(tmp_path / "notes" / name)) for name in ("read", "fetched", "lost"))
    assert read > fetched > 6
    assert lost < read
    assert files_below(tmp_path / "cache") == []


UNPACK = """
import zipfile
from brainio.cache import hash_file
names = [f"deep/{number % 3}/{number}.png" for number in range(100)]
archive = scratch / "a.zip"
with zipfile.ZipFile(archive, "w") as file:
    for name in names:
        file.writestr(name, name * 500)

def look(folder):
    assert all((folder / name).read_text() == name * 500 for name in names)
"""


def test_only_one_of_6_processes_unpacks_an_archive(tmp_path: Path) -> None:
    script = """
from brainio.cache import unpacked_archives
extract = unpacked_archives._extract

def noting(*arguments):
    note("unpacked")
    return extract(*arguments)

unpacked_archives._extract = noting
join([fork(lambda: look(cache.unpack(archive).folder)) for _ in range(6)])
"""
    run_processes(UNPACK + script, tmp_path / "cache", tmp_path / "notes")
    assert len(lines(tmp_path / "notes" / "unpacked")) == 1
    assert files_below(tmp_path / "cache" / "partial") == []


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow(reason="50 kills"))])
def test_unpacking_killed_at_any_moment_leaves_no_folder_or_a_complete_one(tmp_path: Path, kills: int) -> None:
    script = """
random.seed(7)
sha1 = hash_file(archive)
folder = root / "unpacked" / sha1[:2] / sha1
whole = 0
for _ in range(int(sys.argv[3])):
    child = fork(lambda: cache.unpack(archive, sha1))
    time.sleep(random.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if folder.exists():
        whole += 1
        look(folder)
        folder.rename(scratch / f"aside{whole}")
look(cache.unpack(archive, sha1).folder)
"""
    run_processes(UNPACK + script, tmp_path / "cache", tmp_path / "notes", str(kills))
