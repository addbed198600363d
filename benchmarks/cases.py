"""Benchmark cases: workloads, the floors to compare them with, and their targets.

Imports no large library, so that the main process stays small.
"""

from dataclasses import dataclass

FACTORS = (1, 4, 16)  # of the presentations in --scaling
STEPS = ("read", "load", "merge", "group")  # "read" uses only xarray, and is the floor of "load"


@dataclass(frozen=True)
class Target:
    """Limits that a case must meet, all of them.

    Parameters
    ----------
    limit : float, optional
        Maximum in the unit of the case, for the full data.
    floor_factor : float, optional
        Maximum as a multiple of the floor.
    peer_factor : float, optional
        The peer takes at least this many times as much.
    """

    limit: float | None = None
    floor_factor: float | None = None
    peer_factor: float | None = None


@dataclass(frozen=True)
class Case:
    """A workload to measure on each implementation, one row of the table.

    Parameters
    ----------
    name : str
        Name of the workload and of the case.
    title : str
        Description in the table.
    target : Target
        Limits to meet.
    floors : tuple of str
        Name of the floor for the ratio, followed by further floors to report.
    peer_repeats : int, optional
        Number of runs of the peer in full mode, if it is too slow for as many runs as the others.
    unit : str
        `'s'` or `'bytes'`.
    kind : str
        `'call'`: duration of a call in the worker. `'import'`: duration of a process. `'peak'`: memory of a process.
        `'size'`: size of the file that the workload `write_netcdf` wrote.
    own_workers : bool
        Whether the case gets its own workers in full mode, because it fills their memory.
    in_peer : bool
        Whether the peer has this function. If not, the answer is compared with that of the floor.
    """

    name: str
    title: str
    target: Target
    floors: tuple[str, ...] = ()
    peer_repeats: int | None = None
    unit: str = "s"
    kind: str = "call"
    own_workers: bool = False
    in_peer: bool = True


CASES = (
    Case("import", "import brainio, whole process", Target(limit=0.06), ("python -c pass",), kind="import"),
    Case("resolve", "identifier to entry, 3 rows", Target(limit=20e-6), ("dict_access",)),
    Case(
        "resolve_large",
        "identifier to entry, large catalog",
        Target(limit=20e-6),
        ("dict_access_large",),
        own_workers=True,
    ),
    Case("lookup_assembly", "lookup_assembly, 3 rows", Target(limit=150e-6), ("dict_access",)),
    Case("get_stimulus_set", "get_stimulus_set, in the cache", Target(floor_factor=3), ("read_csv",)),
    Case("get_assembly", "get_assembly, in the cache, loaded, merged", Target(floor_factor=1.2), ("open_dataarray",)),
    Case(
        "multi_groupby_mean",
        "multi_groupby of 3 levels, mean",
        Target(limit=0.12, peer_factor=15),
        ("bincount", "mean_of_all"),
        peer_repeats=3,
    ),
    Case(
        "multi_groupby_mean_nan",
        "multi_groupby of 3 levels, mean, 1 % NaN",
        Target(limit=0.3),
        ("bincount_nan", "mean_of_all"),
        peer_repeats=3,
    ),
    Case("multi_groupby_std", "multi_groupby of 3 levels, std", Target(), ("bincount_twice",), peer_repeats=2),
    Case("multi_groupby_median", "multi_groupby of 3 levels, median", Target(), ("sorted_groups",), peer_repeats=2),
    Case(
        "multi_groupby_apply",
        "multi_groupby of 3 levels, apply of a function",
        Target(),
        ("loop_over_groups",),
        peer_repeats=1,
    ),
    Case("groupby_mean", "groupby('stimulus_id'), mean", Target(limit=0.15), ("bincount", "mean_of_all")),
    Case("average_repetition", "average_repetition", Target(), ("bincount_by_id",), in_peer=False),
    Case("split_half_reliability", "split_half_reliability, 10 splits", Target(), ("split_halves",), in_peer=False),
    Case("multi_dim_apply", "multi_dim_apply, identity", Target(peer_factor=20), ("python_calls",), peer_repeats=3),
    Case("subset", "subset to a quarter of the stimuli", Target(peer_factor=10), ("isin",)),
    Case("sel_scalar", "sel(region='IT')", Target(), ("mask",)),
    Case("write_netcdf", "write_netcdf, merged", Target(peer_factor=12), ("deflate",), peer_repeats=1),
    Case("size_netcdf", "size of that file", Target(peer_factor=1), (), unit="bytes", kind="size"),
    Case(
        "read_back",
        "comparing that file with the assembly (part of write_netcdf)",
        Target(floor_factor=1 / 3),
        ("deflate",),
        in_peer=False,
    ),
    Case("read_written", "reading the file written here", Target(floor_factor=1.2), ("open_written",)),
    Case(
        "inspect",
        "inspecting that file before it is opened",
        Target(limit=0.04),
        ("open_written",),
        in_peer=False,
    ),
    Case("create_stimulus_zip", "create_stimulus_zip", Target(peer_factor=2), ("copy_and_hash",)),
    Case(
        "fetch_large",
        "fetch of one large file from S3, verified",
        Target(floor_factor=1 / 0.9),
        ("boto3_large",),
        in_peer=False,
    ),
    Case(
        "fetch_packages",
        "fetch of 40 packages at once, verified",
        Target(),
        ("boto3_packages",),
        in_peer=False,
    ),
    Case(
        "get_and_mean",
        "peak memory of get and mean, above the imports",
        Target(floor_factor=1.3),
        ("the array",),
        unit="bytes",
        kind="peak",
    ),
    *(
        Case(
            f"{operation}_peak",
            f"peak memory of {title}, above the imports",
            Target(limit=300e6),
            ("the array",),
            unit="bytes",
            kind="peak",
            in_peer=False,
        )
        for operation, title in (
            ("card", "the card of the recording"),
            ("profile", "its profile"),
            ("validate", "validating it"),
            ("package", "packaging it from its file"),
        )
    ),
)
