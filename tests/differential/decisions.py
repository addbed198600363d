"""The differences, grouped by their reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Scenarios that differ for one reason."""

    title: str
    reason: str
    instead: str
    scenarios: tuple[str, ...]


def _levels(values: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{values} in {action}" for action in actions)


_GROUPED = ("a level are grouped by", "a level are grouped by as xarray does", "one of two levels are grouped by")
_INCOMPARABLE = ("one of two levels are grouped by", "a level are sorted by")

GROUPS = (
    Group(
        "A scalar keeps the dimension",
        "Selecting one value of a level keeps the dimension and its name, even if one position or one level "
        "remains. The selected level stays as a scalar coordinate. Code need not know how many levels an "
        "assembly has.",
        "to drop a dimension of length one, `.squeeze('presentation')` (the name of a level works too); to "
        "leave the scalar out, `sel(..., drop=True)`.",
        (
            "a scalar of a level keeps the dimension and the other levels",
            "a scalar of a level of numbers selects",
            "a scalar that leaves one position keeps the dimension",
            "a scalar that leaves one level keeps its name",
            "scalars of all levels keep the dimension",
            "scalars of two dimensions select",
            "a scalar of a level of the second dimension selects",
            "a scalar of a time level selects",
            "a dimension with a dictionary of levels selects",
            "a dimension with two levels in a dictionary selects",
            "loc selects by a level",
        ),
    ),
    Group(
        "Selecting keeps the order of dimensions",
        "`multisel` in a dimension with two levels keeps the order of dimensions. In 1.1.0, that dimension "
        "became the last one.",
        "`transpose` if the order matters.",
        ("multisel in a dimension of two levels",),
    ),
    Group(
        "Lists, arrays and slices of a level select by membership",
        "Several values of a level select all positions that have one of them, in the order of the assembly. "
        "Every level stays. `multisel` does the same for any number of levels.",
        "no change needed; masks such as `a[a['region'].isin(['IT'])]` still work.",
        (
            "a list of a level selects by membership",
            "a list of a level keeps the order of the assembly",
            "an array of a level selects by membership",
            "a list of one value keeps the dimension",
            "a slice of a level selects by membership",
            "multisel of two levels of a dimension",
            "multisel of all levels",
            "multisel of a list",
            "spike times are selected",
        ),
    ),
    Group(
        "A dropped dimension also leaves its levels as scalars",
        "A dimension that `isel(presentation=1)` or `squeeze` drops leaves the tuple of its levels under its "
        "own name, as in 1.1.0. In addition, each level is a scalar coordinate, as in xarray.",
        "no change needed; `a.isel(presentation=1)['object_name'].item()` reads one level.",
        (
            "isel of an integer drops the dimension",
            "isel of an integer leaves the levels as scalars",
            "squeeze a dimension of length one",
            "old code: the listed coordinates of a dropped dimension",
        ),
    ),
    Group(
        "`coords` and `indexes` list levels",
        "`coords` and `indexes` list every level next to its dimension, as in xarray today.",
        "`a.dims` for the names of dimensions; `get_levels(a)` and `walk_coords(a)` return the same as in 1.1.0.",
        (
            "a level is among the coords",
            "the names of the coords",
            "the names of the indexes",
            "a level has its coordinates",
        ),
    ),
    Group(
        "Attributes are kept",
        "Arithmetic, reductions, grouping and `multi_dim_apply` keep `attrs`, as in xarray today. The "
        "stimulus set is kept if both operands have the same `stimulus_set_identifier`.",
        "`keep_attrs=False` in a reduction, or `a.attrs = {}`.",
        (
            "a mean keeps attrs",
            "arithmetic keeps attrs",
            "arithmetic of two assemblies keeps attrs",
            "multi_groupby keeps attrs",
            "multi_dim_apply keeps attrs",
            "combining assemblies of two stimulus sets",
        ),
    ),
    Group(
        "The class is kept",
        "Operations on an assembly return an assembly of the same class, also `xarray.apply_ufunc`, "
        "`xarray.where` and numpy functions. In 1.1.0, many returned a DataArray, on which grouping then "
        "failed.",
        "`xr.DataArray(a)` if a plain DataArray is wanted.",
        (
            *(
                f"computing: {name}"
                for name in (
                    "a square root",
                    "where",
                    "where by a level",
                    "where with another value",
                    "where that drops",
                    "clip",
                    "astype",
                    "isnull",
                    "notnull",
                    "isin",
                    "a correlation",
                    "a dot product",
                )
            ),
            "apply_ufunc over a dimension",
            "old code: the class of a minimum",
            "old code: the class of apply_ufunc",
            "old code: the class of xarray.where",
            "computing: apply_ufunc",
            "fillna fills missing values",
            "combine_first fills missing values",
            "arithmetic with a vector that comes first",
            "the mean of a group of missing values",
            "the sum of a group of missing values",
        ),
    ),
    Group(
        "Missing values form a group",
        "NaN, None and NaT in a level form one group, the last, so that no presentation is lost. Positions "
        "with a missing value can be selected, sorted and cut by it.",
        "`a[a['level'].notnull()]` before grouping, to leave such presentations out.",
        (
            *_levels("missing numbers", *_GROUPED, "a level are cut by", "a level are selected on"),
            *_levels("only missing numbers", *_GROUPED, "a level are cut by", "a level are selected on"),
            *_levels("missing text", *_GROUPED, "a level are cut by", "a level are sorted by"),
            *_levels("missing text as NaN", *_GROUPED, "a level are cut by", "a level are sorted by"),
            *_levels("missing dates", *_GROUPED, "a level are cut by"),
        ),
    ),
    Group(
        "Levels keep their type when grouped",
        "Grouping by several levels returns each level with its own type. In 1.1.0, dates and durations "
        "became integers of nanoseconds, float32 became float64, and unsigned integers became signed.",
        "`.astype` of the level if another type is wanted.",
        (
            "dates in one of two levels are grouped by",
            "durations in one of two levels are grouped by",
            "float32 numbers in one of two levels are grouped by",
            "unsigned numbers in one of two levels are grouped by",
        ),
    ),
    Group(
        "Text is `str`",
        "Levels of bytes, which some readers of files return, become text: objects of `str`.",
        "`str` values in selections; `.encode()` if bytes are wanted.",
        _levels(
            "bytes",
            "a level stay unchanged",
            "a level are selected on",
            "a level are listed",
            "a level are concatenated",
            "a level are matched",
            "a level are merged",
            *_GROUPED,
        ),
    ),
    Group(
        "One coordinate keeps its name",
        "A dimension with a single coordinate keeps the name of that coordinate, and the name of the "
        "dimension returns the same values. In 1.1.0, the coordinate was renamed to the dimension.",
        "no change needed; `a['presentation']` and `a['stimulus_id']` have the same values.",
        (
            "one coordinate on a dimension is an index too",
            "one coordinate on a dimension can be asked for by name",
            "one stored coordinate is read back",
            "one stored coordinate can be asked for by name",
            "old code: grouping by an only coordinate",
        ),
    ),
    Group(
        "A dimension's own coordinate keeps its name",
        "A coordinate with the name of its dimension is a level of that name. In 1.1.0, it became "
        "`<dimension>_level_0` as soon as the dimension had other coordinates.",
        "the name of the dimension in place of `<dimension>_level_0`.",
        ("a coordinate named as its dimension beside another", "old code: grouping by an own coordinate"),
    ),
    Group(
        "Changing one level leaves the others",
        "A level can be dropped, replaced, renamed or added without the others, and can be selected on at "
        "once. A dimension that `swap_dims` renames keeps its levels.",
        "no change needed; `reset_index` and a re-wrap still work.",
        (
            "drop_vars of a level leaves the others",
            "assign_coords replaces a level",
            "ids replaced",
            "ids replaced and wrapped",
            "an added coordinate can be selected on at once",
            "rename a level",
            "swap_dims to a new name",
        ),
    ),
    Group(
        "Blocks of several dimensions",
        "`multi_dim_apply` passes each combination of groups as one block with all its values. In 1.1.0, "
        "groups with several positions along two dimensions passed their diagonal only, and the other values "
        "became 0.",
        "no change needed.",
        (
            "multi_dim_apply passes blocks of two dimensions",
            "multi_dim_apply over blocks of two dimensions",
            "multi_dim_apply of a number a group",
        ),
    ),
    Group(
        "Some errors became results",
        "1.1.0 raised an error for these calls, although they have one meaning.",
        "no change needed; workarounds still work.",
        (
            "stack two dimensions",
            "stack two dimensions of three",
            "stack gives the values in order",
            "choices: stacked",
            "groupby of a stacked dimension",
            "groupby arithmetic",
            "multi_groupby by a dimension",
            "multi_groupby apply that keeps the shape by two levels",
            "multi_groupby map that keeps the shape by two levels",
            "an empty assembly is grouped",
            "identical never raises because of the stimulus set",
            "index_efficient of lists",
            "a scalar of a level of fractions selects",
            "complex numbers in one of two levels are grouped by",
            *_levels("mixed types", *_INCOMPARABLE),
            *_levels("truth values beside text", *_INCOMPARABLE),
            *_levels("dates beside text", *_INCOMPARABLE),
            *_levels("tuples of mixed types", *_INCOMPARABLE, "a level are cut by"),
            "dates beside numbers in a level stay unchanged",
            "float32 numbers in a level are selected on",
            "tuples in a level are cut by",
            "tuples in one of two levels are grouped by",
        ),
    ),
    Group(
        "Stimulus ids are text",
        "An id is always text: `007` and `7` are different stimuli.",
        "`stimulus_set['stimulus_id'].astype(int)` if numbers are wanted.",
        ("ids that look like numbers",),
    ),
    Group(
        "Files are checked against the format",
        "Duplicate ids in a stimulus set, and presentations whose stimulus is missing from the set, raise an "
        "error that names the ids. In 1.1.0, the metadata of such presentations were NaN.",
        "the stimulus set that belongs to the assembly; `allow_missing_stimuli=True` for missing values; or "
        "the assembly without those presentations.",
        ("a set whose ids are doubled", "joining with a set that lacks a stimulus"),
    ),
    Group(
        "Stimulus files are not checked while loading",
        "Loading a stimulus set does not check that every file exists. Opening a missing file raises the error.",
        "`path.exists()` for the paths of a set from a folder of your own.",
        ("a set whose file is missing",),
    ),
    Group(
        "Stimulus sets keep identifier and paths",
        "Concatenation and merging keep identifier and paths. The identifier is None if the sets have "
        "different ones. One id with two different files is an error, because one file would be lost.",
        "no change needed; other ids if two sets use one id for different files.",
        (
            "sets are concatenated",
            "sets of two identifiers are concatenated",
            "sets that have other files for a stimulus are concatenated",
            "a set is merged with a table",
        ),
    ),
    Group(
        "Every assembly has its extras",
        "The extras of a file become entries of `attrs` in every class. In 1.1.0, only spike times had them.",
        "`del a.attrs['sessions']` to remove one.",
        ("extras of a neuroid assembly are not read by its loader", "the root beside an extra is read"),
    ),
    Group(
        "Names and identifiers of a file are kept",
        "The `stimulus_set_identifier` of a file is in `attrs`, unless the loader is given another. The name "
        "of an array survives storing and merging.",
        "no change needed.",
        ("the file recording with attrs is read", "the name of a stored assembly", "merge keeps the name"),
    ),
    Group(
        "No level loses its name silently",
        "Assemblies with different names of levels cannot be concatenated. In 1.1.0, the second level was "
        "renamed to `presentation_level_1`.",
        "drop or add coordinates until all parts have the same, then `xr.concat`.",
        ("concat of other levels is an error or fills",),
    ),
    Group(
        "One name for two dimensions",
        "An array with two dimensions of one name cannot be grouped, as in xarray today. 1.1.0 returned the "
        "mean of the diagonal.",
        "`a.rename`, or other `dims` when the array is created.",
        ("one name for two dimensions: grouped",),
    ),
    Group(
        "Means of float16 do not overflow",
        "Means, medians and deviations of groups are computed in float64 and rounded once. In 1.1.0, the mean "
        "of four times 60000 in float16 was infinite.",
        "no change needed.",
        ("old code: the mean of half floats that exceed their range together",),
    ),
    Group(
        "Text comes last",
        "In a level with tuples and text, tuples come first. In 1.1.0, text was sorted as a tuple of its "
        "letters if the level began with a tuple.",
        "a level of one type.",
        ("tuples beside text in a level are grouped by",),
    ),
    Group(
        "float32 stays float32",
        "A merge keeps the type of the values, also if one part is empty. In 1.1.0, they became float64 and "
        "took twice the memory.",
        "`.astype(float)` if float64 is wanted.",
        ("merge of float32 with an empty assembly",),
    ),
)
