"""Selection of tests by tier: shares divide the slow tier, and a commit always selects the same tests."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import run, tiers
from tests.tiers import Share

TOP = Path(__file__).parents[1]
ROWS = [
    line
    for document in ("reliability.md", "security.md")
    for line in (TOP / "docs" / document).read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "::test_" in line
]
NODE_IDS = [f"tests/cache/test_disks.py::test_{number}[{number}-é]" for number in range(1000)]
MODULE = """
import pytest

slow = pytest.mark.slow(reason="many kills")

def test_quick():
    pass

@slow
def test_slow():
    pass

@pytest.mark.parametrize("count", [2, pytest.param(50, marks=slow)])
def test_some_slow(count):
    pass
"""
Collect = Callable[..., list[str]]


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Return the node ids that pytest selects in a folder of three tests, in order."""
    (tmp_path / "test_module.py").write_text(MODULE)

    class CollectionRecorder:
        node_ids: tuple[str, ...] = ()

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.node_ids = tuple(item.nodeid for item in session.items)

    def collect(*arguments: str) -> list[str]:
        recorder, options = (
            CollectionRecorder(),
            ("-c", "/dev/null", "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "--import-mode=importlib"),
        )
        paths = [] if any(".py" in argument for argument in arguments) else [str(tmp_path)]
        # That plugin collects garbage, which takes seconds in a process that has run many tests.
        quick = ["-p", "no:unraisableexception", "--disable-plugin-autoload", "-p", "xdist"]
        pytest.main([*options, *quick, "-q", "--collect-only", "-n0", *arguments, *paths], plugins=[tiers, recorder])
        return [node_id.partition("::")[2] for node_id in recorder.node_ids]

    return collect


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_slow_test_belongs_to_exactly_one_share(count: int) -> None:
    shares = [Share(number, count) for number in range(1, count + 1)]
    assert all(sum(share.includes(node_id) for share in shares) == 1 for node_id in NODE_IDS)
    sizes = [sum(map(share.includes, NODE_IDS)) for share in shares]
    assert max(sizes) < 1.3 * min(sizes)


def test_the_share_of_a_test_is_the_same_in_every_process() -> None:
    assert [[Share(k, 4).includes(node_id) for k in range(1, 5)].index(True) for node_id in NODE_IDS[:8]] == [
        3,
        1,
        0,
        1,
        3,
        0,
        3,
        0,
    ]


@pytest.mark.parametrize("text", ["0/4", "5/4", "-1/4", "1/0", "1", "one/two", "/"])
def test_a_share_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"share|invalid literal"):
        Share.parse(text)


def test_the_default_tier_excludes_slow_tests_and_all_starts_with_them(collect: Collect) -> None:
    assert collect() == ["test_quick", "test_some_slow[2]"]
    assert collect("--all") == ["test_slow", "test_some_slow[50]", "test_quick", "test_some_slow[2]"]
    assert collect("-m", "slow") == ["test_slow", "test_some_slow[50]"]


def test_shares_add_each_slow_test_once_to_the_default_tier(collect: Collect) -> None:
    default = collect()
    runs = [collect("--share", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(name for names in runs for name in names if name not in default) == [
        "test_slow",
        "test_some_slow[50]",
    ]
    assert all(set(default) <= set(names) for names in runs)


def test_a_slow_test_that_the_command_line_names_runs(collect: Collect, tmp_path: Path) -> None:
    assert collect(f"{tmp_path}/test_module.py::test_slow") == ["test_slow"]
    assert collect(f"{tmp_path}/test_module.py::test_some_slow[50]") == ["test_some_slow[50]"]
    assert collect(f"{tmp_path}/test_module.py") == ["test_quick", "test_some_slow[2]"]


def test_a_slow_test_without_a_reason_is_an_error(
    collect: Collect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_other.py").write_text("import pytest\n@pytest.mark.slow\ndef test_a(): pass\n")
    collect()
    assert "test_other.py::test_a is marked slow without a reason" in "".join(capsys.readouterr())


def test_a_commit_always_selects_the_same_share_and_examples() -> None:
    options = ["--share", "4/4", "--hypothesis-profile", "ci", "--hypothesis-seed", "4294967295"]
    assert run.commit_options("f" * 40) == run.commit_options("f" * 40) == options
    shares = {run.commit_options(f"{number:040x}")[1] for number in range(20)}
    assert shares == {f"{number}/{run.SHARES}" for number in range(1, run.SHARES + 1)}


def test_the_command_that_repeats_a_run_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = run.pytest_arguments(["-x", "--share", "commit", "tests/cache"])
    assert "commit" not in arguments
    assert f"to repeat its tests: python3 tests/run.py {' '.join(arguments)}\n" in capsys.readouterr().out
    assert run.pytest_arguments(arguments) == arguments
    assert (arguments[0], arguments[-1]) == ("-x", "tests/cache")


def test_without_git_a_stated_share_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "TOP", tmp_path)
    assert run.pytest_arguments(["--share", "commit"])[:2] == ["--share", f"1/{run.SHARES}"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run.pytest_arguments(["--share", "commit"])[:2] == ["--share", f"1/{run.SHARES}"]
    assert capsys.readouterr().out.count("no commit") == 2


def slow_functions() -> set[str]:
    """Return the names of the tests of which no case is in the default tier."""
    names = set()
    for path in (TOP / "tests").rglob("test_*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        module_marks = [
            node.value for node in body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
        ]
        for node in body:
            if isinstance(node, ast.FunctionDef) and any(map(is_slow_mark, [*module_marks, *node.decorator_list])):
                names.add(node.name)
    return names


def is_slow_mark(mark: ast.expr) -> bool:
    text = ast.unparse(mark)
    return text.startswith(("pytest.mark.slow", "[pytest.mark.slow"))


def test_the_default_tier_runs_every_test_that_the_documents_name() -> None:
    slow = slow_functions()
    promises = [(row, set(re.findall(r"::(test_\w+)", row))) for row in ROWS]
    assert len(promises) > 100
    assert [row for row, names in promises if names <= slow] == []
