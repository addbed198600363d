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


def _levels(what: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{what} in {action}" for action in actions)


_GROUPED = ("a level are grouped by", "a level are grouped by as xarray does", "one of two levels are grouped by")
_INCOMPARABLE = ("one of two levels are grouped by", "a level are sorted by")

GROUPS = (
    Group(
        "A scalar keeps the dimension",
        "Selecting one value of a level keeps the dimension under its name, also when one position or one level "
        "is left, "
        "and leaves the selected level as a scalar coordinate. Code need not know how many levels an assembly has.",
        "to get rid of a dimension of one position, `.squeeze('presentation')`; to leave the scalar away, "
        "`sel(..., drop=True)`.",
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
        "`multisel` in a dimension of two levels keeps the dimension where it is; earlier, it became the last one.",
        "`transpose` where the order matters.",
        ("multisel in a dimension of two levels",),
    ),
    Group(
        "Lists, arrays and slices of a level select by membership",
        "Several values of a level select all positions that have one of them, in the order of the assembly; "
        "every level "
        "stays. `multisel` does the same for any number of levels.",
        "no need; masks such as `a[a['region'].isin(['IT'])]` still work.",
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
        "A dropped dimension leaves its levels as scalars",
        "As in today's xarray, a dimension that `isel(presentation=1)` or `squeeze` drops leaves each level as a "
        "scalar coordinate. The tuple of all levels stays under the name of the dimension, as in 1.1.0.",
        "no need; `a.isel(presentation=1)['object_name'].item()` reads one level without taking the tuple apart.",
        (
            "isel of an integer drops the dimension",
            "isel of an integer leaves the levels as scalars",
            "squeeze a dimension of length one",
        ),
    ),
    Group(
        "`coords` and `indexes` list levels",
        "As in today's xarray, levels are listed one by one beside the dimension that they belong to.",
        "`a.dims` for the names of dimensions; `get_levels(a)` and `walk_coords(a)` answer as before.",
        (
            "a level is among the coords",
            "the names of the coords",
            "the names of the indexes",
            "a level has its coordinates",
        ),
    ),
    Group(
        "Attributes are kept",
        "Arithmetic, reductions, grouping and `multi_dim_apply` keep `attrs`, as today's xarray does. The "
        "stimulus set is "
        "kept where both sides have the same `stimulus_set_identifier`.",
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
        "Every operation on an assembly gives an assembly of its class. What follows, such as grouping, works "
        "then too.",
        "`xr.DataArray(a)` where a plain DataArray is wanted.",
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
        "NaN, None or NaT in a level that is grouped by form one group, the last, so that no presentation is lost "
        "silently, and positions that have such a value can be selected, sorted and cut by.",
        "to leave such presentations away, `a[a['level'].notnull()]` before grouping.",
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
        "Grouping by several levels gives each level back as what it was. Earlier, dates and durations became "
        "integers of "
        "nanoseconds, float32 became float64, unsigned integers became signed.",
        "no need; `.astype` of the level where the other type is wanted.",
        (
            "dates in one of two levels are grouped by",
            "durations in one of two levels are grouped by",
            "float32 numbers in one of two levels are grouped by",
            "unsigned numbers in one of two levels are grouped by",
        ),
    ),
    Group(
        "Text is `str`",
        "Levels of bytes, as some readers of files give them, are text as every other text: objects of `str`.",
        "`str` values in selections; `.encode()` where bytes are wanted.",
        _levels(
            "bytes",
            "a level stay what they are",
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
        "A dimension with a single coordinate keeps the name of that coordinate, and the name of the dimension stands "
        "for its values too. In 1.1.0 the coordinate was renamed to the dimension.",
        "no need; `a['presentation']` and `a['stimulus_id']` have the same values.",
        (
            "one coordinate on a dimension is an index too",
            "one coordinate on a dimension can be asked for by name",
            "one stored coordinate is read back",
            "one stored coordinate can be asked for by name",
        ),
    ),
    Group(
        "A dimension's own coordinate keeps its name",
        "A coordinate with the name of its dimension is a level of that name. In 1.1.0 it became "
        "`<dimension>_level_0` next to other coordinates.",
        "the name of the dimension in place of `<dimension>_level_0`.",
        ("a coordinate named as its dimension beside another",),
    ),
    Group(
        "Changing one level leaves the others",
        "A level can be dropped, replaced, renamed or added by itself, and can be selected on at once. A "
        "dimension that "
        "gets another name by `swap_dims` keeps its levels.",
        "no need; `reset_index` and a re-wrap, as before, work too.",
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
        "`multi_dim_apply` passes every combination of groups as a block of all its values. Earlier, groups "
        "with several "
        "positions on two dimensions gave only their diagonal, and the other values became 0.",
        "no need to change anything.",
        (
            "multi_dim_apply passes blocks of two dimensions",
            "multi_dim_apply over blocks of two dimensions",
            "multi_dim_apply of a number a group",
        ),
    ),
    Group(
        "What raised an error has an answer",
        "The request has one meaning, and no error helps whoever makes it.",
        "no need; work-arounds may stay.",
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
            "dates beside numbers in a level stay what they are",
            "float32 numbers in a level are selected on",
            "tuples in a level are cut by",
            "tuples in one of two levels are grouped by",
        ),
    ),
    Group(
        "Stimulus ids are text",
        "An id is text whatever it looks like: `007` and `7` are different stimuli.",
        "`stimulus_set['stimulus_id'].astype(int)` where numbers are wanted.",
        ("ids that look like numbers",),
    ),
    Group(
        "Files are checked against the format",
        "A set whose ids are not unique, or an assembly with a presentation whose stimulus the set lacks, is "
        "damaged or does not belong together: an error that names the ids. Earlier the metadata of such presentations "
        "were NaN.",
        "the right set; or `allow_missing_stimuli=True` for missing values; or the assembly without those "
        "presentations.",
        ("a set whose ids are doubled", "joining with a set that lacks a stimulus"),
    ),
    Group(
        "Stimulus files are looked for when they are wanted",
        "Loading a set does not ask the disk for every file; a missing one is an error of whoever opens it.",
        "`path.exists()` for the paths of a set from a folder of your own.",
        ("a set whose file is missing",),
    ),
    Group(
        "Stimulus sets keep identifier and paths",
        "Concatenation and merging keep identifier and paths. Sets of several identifiers have the identifier "
        "None. One "
        "id with two different files is an error, since one of them would be lost.",
        "no need; other ids where two sets name different files alike.",
        (
            "sets are concatenated",
            "sets of two identifiers are concatenated",
            "sets that have other files for a stimulus are concatenated",
            "a set is merged with a table",
        ),
    ),
    Group(
        "Every assembly has its extras",
        "Extras in a file are entries of `attrs`, whatever the class of the assembly; earlier, of spike times only.",
        "no need; `del a.attrs['sessions']` to be rid of one.",
        ("extras of a neuroid assembly are not read by its loader", "the root beside an extra is read"),
    ),
    Group(
        "What a file says of itself is kept",
        "The `stimulus_set_identifier` in a file stands in `attrs`, unless the loader is told another. The name "
        "of an "
        "assembly survives merging.",
        "no need to change anything.",
        ("the file recording with attrs is read", "the name of a stored assembly", "merge keeps the name"),
    ),
    Group(
        "No level loses its name silently",
        "Assemblies whose levels have other names are not concatenated: earlier, the second level was then called "
        "`presentation_level_1`.",
        "drop or add coordinates until all parts have the same, then `xr.concat`.",
        ("concat of other levels is an error or fills",),
    ),
    Group(
        "One name for two dimensions",
        "As in today's xarray, an array of which two dimensions have the same name cannot be grouped. Earlier "
        "the mean of "
        "the diagonal came out.",
        "`a.rename` or other `dims` when the array is made.",
        ("one name for two dimensions: grouped",),
    ),
    Group(
        "Text stands last",
        "In a level that holds tuples and text, tuples come first. Earlier, text was sorted as a tuple of its letters "
        "if the level happened to begin with a tuple.",
        "a level of one type.",
        ("tuples beside text in a level are grouped by",),
    ),
    Group(
        "float32 stays float32",
        "A merge keeps the type of the values also when one part is empty. Earlier they became float64, in twice the "
        "memory.",
        "`.astype(float)` where float64 is wanted.",
        ("merge of float32 with an empty assembly",),
    ),
)
