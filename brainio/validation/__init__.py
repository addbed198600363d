"""Validation of stimulus sets, assemblies and catalogs.

A report lists all problems at once, each with its place and its fix. Validation changes no data; packaging refuses data
with errors.

================ =================================================================
`subjects`       `validate`: path, object or identifier -> report
`stimulus_sets`  the table of a stimulus set and the names of its files
`stimulus_files` the content of stimulus files
`assemblies`     an assembly on its own, and compared with its stimulus set
`catalogs`       `check_catalog`: a whole catalog and its files
`sources`        readers of user files, shared with packaging
`table_files`    CSV and parquet tables
`values`         kinds of values, ids and identifiers; types inferred from text cells
`report`         `Problem`, also from worker processes, and `Report`
`rules`          all codes
================ =================================================================
"""

from brainio.validation.assemblies import (
    ID_COLUMNS,
    assembly_problems,
    collision_problems,
    extra_problems,
    pair_problems,
    stimulus_coordinate,
    stimulus_id_problems,
)
from brainio.validation.catalogs import card_problems, check_catalog, reference_problems, set_version_problems
from brainio.validation.report import Problem, Report, format_problems, problem
from brainio.validation.rules import RULES, SEVERITIES, Rule
from brainio.validation.stimulus_sets import (
    PATH_IN_STORE,
    Table,
    duplicate_id_problems,
    member_names,
    stimulus_set_problems,
)
from brainio.validation.subjects import validate
from brainio.validation.values import identifier_problems

__all__ = [
    "ID_COLUMNS",
    "PATH_IN_STORE",
    "RULES",
    "SEVERITIES",
    "Problem",
    "Report",
    "Rule",
    "Table",
    "assembly_problems",
    "card_problems",
    "check_catalog",
    "collision_problems",
    "duplicate_id_problems",
    "extra_problems",
    "format_problems",
    "identifier_problems",
    "member_names",
    "pair_problems",
    "problem",
    "reference_problems",
    "set_version_problems",
    "stimulus_coordinate",
    "stimulus_id_problems",
    "stimulus_set_problems",
    "validate",
]
