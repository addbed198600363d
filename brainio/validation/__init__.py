"""What is wrong with stimulus sets and assemblies, all of it at once, each with its place and its remedy.

Changes nothing and refuses nothing: packaging does that, by what is found here.

================ =================================================================
`subjects`       `validate`: what somebody names -> report
`reading`        files that may break the format
`stimuli`        a stimulus set in memory
`tables`         its columns, ids and names
`files`          its files
`assemblies`     an assembly by itself
`pairs`          an assembly beside its stimulus set
`catalogs`       `check_catalog`: a whole catalog and its files
`published_sets` the table of a published stimulus set beside its archive
`identifiers`    the naming of both
`values`         kinds of values
`problems`       what is found; `layout` how it looks
`rules`          all codes
================ =================================================================
"""

from brainio.text import some
from brainio.validation.assemblies import (
    ID_COLUMNS,
    assembly_problems,
    extra_problems,
    stimulus_coordinate,
    stimulus_id_problems,
)
from brainio.validation.catalogs import card_problems, check_catalog, reference_problems, set_version_problems
from brainio.validation.identifiers import identifier_problems
from brainio.validation.pairs import collision_problems, pair_problems, unknown_stimuli
from brainio.validation.problems import Problem, Report, listed, problem
from brainio.validation.rules import RULES, SEVERITIES, Rule
from brainio.validation.stimuli import stimulus_set_problems
from brainio.validation.subjects import validate
from brainio.validation.tables import PATH_IN_STORE, Table, doubled_id_problems, member_names

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
    "doubled_id_problems",
    "extra_problems",
    "identifier_problems",
    "listed",
    "member_names",
    "pair_problems",
    "problem",
    "reference_problems",
    "set_version_problems",
    "some",
    "stimulus_coordinate",
    "stimulus_id_problems",
    "stimulus_set_problems",
    "unknown_stimuli",
    "validate",
]
