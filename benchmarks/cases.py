"""The rows of the table: what is measured on which side, against which floor, and how fast it is wanted.

Knows no library, so that the process that drives the others stays small.
"""

from dataclasses import dataclass

FACTORS = (1, 4, 16)  # of the presentations in --scaling
STEPS = ("read", "load", "merge", "group")  # "read": by xarray alone, the floor of "load"


@dataclass(frozen=True)
class Wanted:
    """What a row must meet, as far as stated: limits for this project, all of which count.

    Parameters
    ----------
    most
        In the unit of the row, at the full size.
    times_floor
        At most that many times the floor.
    times_peer
        The peer takes at least that many times as much.
    """

    most: float | None = None
    times_floor: float | None = None
    times_peer: float | None = None


@dataclass(frozen=True)
class Row:
    """One row.

    Parameters
    ----------
    floors
        Names of the floor, which the ratio is taken to, and of further ones.
    peer_repeats
        How often the peer runs in full mode, where it takes too long to run as often as the others.
    unit
        `'s'` or `'bytes'`.
    kind
        `'call'`: timed in the workers; `'import'`: a whole process; `'peak'`: memory of a whole process; `'size'`: of
        the file that the workload `write_netcdf` wrote.
    alone
        Has workers of its own in full mode, because it fills their memory.
    in_peer
        The peer has it too. Where it has not, the answer is compared with that of the floor.
    """

    name: str
    title: str
    wanted: Wanted
    floors: tuple[str, ...] = ()
    peer_repeats: int | None = None
    unit: str = "s"
    kind: str = "call"
    alone: bool = False
    in_peer: bool = True


ROWS = (
    Row("import", "import brainio, whole process", Wanted(most=0.06), ("python -c pass",), kind="import"),
    Row("resolve", "identifier to entry, 3 rows", Wanted(most=20e-6), ("dict_access",)),
    Row(
        "resolve_large",
        "identifier to entry, large catalog",
        Wanted(most=20e-6),
        ("dict_access_large",),
        alone=True,
    ),
    Row("lookup_assembly", "lookup_assembly, 3 rows", Wanted(most=150e-6), ("dict_access",)),
    Row("get_stimulus_set", "get_stimulus_set, in the cache", Wanted(times_floor=3), ("read_csv",)),
    Row("get_assembly", "get_assembly, in the cache, loaded, merged", Wanted(times_floor=1.2), ("open_dataarray",)),
    Row(
        "multi_groupby_mean",
        "multi_groupby of 3 levels, mean",
        Wanted(most=0.12, times_peer=15),
        ("bincount", "mean_of_all"),
        peer_repeats=3,
    ),
    Row(
        "multi_groupby_mean_nan",
        "multi_groupby of 3 levels, mean, 1 % NaN",
        Wanted(most=0.3),
        ("bincount_nan", "mean_of_all"),
        peer_repeats=3,
    ),
    Row("multi_groupby_std", "multi_groupby of 3 levels, std", Wanted(), ("bincount_twice",), peer_repeats=2),
    Row("multi_groupby_median", "multi_groupby of 3 levels, median", Wanted(), ("sorted_groups",), peer_repeats=2),
    Row(
        "multi_groupby_apply",
        "multi_groupby of 3 levels, apply of a function",
        Wanted(),
        ("loop_over_groups",),
        peer_repeats=1,
    ),
    Row("groupby_mean", "groupby('stimulus_id'), mean", Wanted(most=0.15), ("bincount", "mean_of_all")),
    Row("average_repetition", "average_repetition", Wanted(), ("bincount_by_id",), in_peer=False),
    Row("split_half_reliability", "split_half_reliability, 10 splits", Wanted(), ("split_halves",), in_peer=False),
    Row("multi_dim_apply", "multi_dim_apply, identity", Wanted(times_peer=20), ("calls_alone",), peer_repeats=3),
    Row("subset", "subset to a quarter of the stimuli", Wanted(times_peer=10), ("isin",)),
    Row("sel_scalar", "sel(region='IT')", Wanted(), ("mask",)),
    Row("write_netcdf", "write_netcdf, merged", Wanted(times_peer=12), ("deflate",), peer_repeats=1),
    Row("size_netcdf", "size of that file", Wanted(times_peer=1), (), unit="bytes", kind="size"),
    Row(
        "read_back",
        "comparing that file with the assembly (part of write_netcdf)",
        Wanted(times_floor=1 / 3),
        ("deflate",),
        in_peer=False,
    ),
    Row("read_written", "reading the file written here", Wanted(times_floor=1.2), ("open_written",)),
    Row(
        "inspect",
        "inspecting that file before it is opened",
        Wanted(most=0.04),
        ("open_written",),
        in_peer=False,
    ),
    Row("create_stimulus_zip", "create_stimulus_zip", Wanted(times_peer=2), ("copy_and_hash",)),
    Row(
        "fetch_large",
        "fetch of one large file from S3, verified",
        Wanted(times_floor=1 / 0.9),
        ("boto3_large",),
        in_peer=False,
    ),
    Row(
        "fetch_packages",
        "fetch of 40 packages at once, verified",
        Wanted(),
        ("boto3_packages",),
        in_peer=False,
    ),
    Row(
        "get_and_mean",
        "peak memory of get and mean, above the imports",
        Wanted(times_floor=1.3),
        ("the array",),
        unit="bytes",
        kind="peak",
    ),
    *(
        Row(
            f"{operation}_peak",
            f"peak memory of {title}, above the imports",
            Wanted(most=300e6),
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
