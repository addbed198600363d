"""Rules of validation: the severity, expectation and fix of each code.

`docs/validation.md` contains the same table. The modules of checks decide which data violate a rule.
"""

from typing import Literal, NamedTuple, TypeAlias

from brainio.dois import EXPECTED

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Rule(NamedTuple):
    """Describe the problems of one code.

    Attributes
    ----------
    severity : str
        `'error'`: packaging refuses the data. `'warning'`: packaging warns and continues. `'note'`: only validation
        reports it.
    expected : str
        The property of valid data.
    fix : str
        Next step for the user.
    """

    severity: Severity
    expected: str
    fix: str


RULES: dict[str, Rule] = {
    # ------------------------------------------------------------------ the identifier
    "identifier-malformed": Rule(
        "error",
        "1 to 200 letters, digits, dots, underscores or hyphens, such as 'dicarlo.MajajHong2015', without '..'",
        "choose another identifier",
    ),
    "identifier-unconventional": Rule(
        "warning",
        "an identifier that starts with <lab>.<FirstAuthor><Year>, such as 'dicarlo.MajajHong2015'",
        "rename it before publication; published identifiers do not change",
    ),
    # ------------------------------------------------------------------ the table of a stimulus set
    "table-missing": Rule(
        "error",
        "one CSV file with a row for each stimulus",
        "put a CSV file with the columns stimulus_id and filename into the folder, or name the table",
    ),
    "table-unreadable": Rule(
        "error", "a CSV file in UTF-8 whose first row names the columns", "save the table again as CSV in UTF-8"
    ),
    "table-empty": Rule("error", "one row for each stimulus", "add rows"),
    "row-ragged": Rule("error", "as many fields in each row as in the header", "quote texts that contain commas"),
    "row-empty": Rule("warning", "a value in each row", "remove the rows, or fill in their cells"),
    "column-name": Rule("error", "column names of lower-case letters, digits and underscores", "rename the column"),
    "column-doubled": Rule("error", "a unique name for each column", "rename or drop one of them"),
    "column-mixed-type": Rule(
        "error",
        "values of one type in each column",
        "correct the cells that differ, or convert the column, for text with .map(str, na_action='ignore')",
    ),
    "text-invalid": Rule(
        "error", "text without NUL characters and lone surrogates", "remove the character, or decode the text correctly"
    ),
    "column-not-plain": Rule(
        "error",
        "columns of a type that a CSV file can hold: text, numbers, True and False, or dates",
        "convert the column, or split it into several: loading reads other types as text",
    ),
    "id-column-missing": Rule(
        "error",
        "a column 'stimulus_id' with a unique text in each row",
        "add it, or rename the column that holds the ids",
    ),
    "id-column-older": Rule("note", "a column 'stimulus_id'", "in a new package, rename 'image_id' to 'stimulus_id'"),
    "id-missing": Rule("error", "a non-empty text as stimulus_id", "give the row an id, or drop it"),
    "id-not-text": Rule("error", "a non-empty text as stimulus_id", "convert the column with .astype(str)"),
    "id-numeric": Rule("note", "stimulus_id is text", "convert the column with .astype(str); '7' and '007' differ"),
    "id-doubled": Rule("error", "a unique stimulus_id in each row", "keep one of the rows, or give them other ids"),
    "id-case": Rule(
        "warning",
        "stimulus_ids that differ in more than upper and lower case",
        "rename one: files named after such ids overwrite each other on macOS",
    ),
    "id-padded": Rule("warning", "no white space around a stimulus_id", "strip it with .str.strip()"),
    # ------------------------------------------------------------------ any table, and the files of a recording
    "number-form": Rule(
        "error",
        "numbers with a decimal point, without white space or thousands separators",
        "write 0.45 or 12; to keep the column as text, pass --text with its name",
    ),
    "cell-kind-differs": Rule(
        "error",
        "a column of numbers, or one of text",
        "correct the cells, leave missing ones empty, or pass --missing or --text",
    ),
    "source-unreadable": Rule(
        "error",
        "a .nc, .npy, .csv or .parquet file that can be read",
        "correct the path, or save the data as one of these",
    ),
    "dims-unnamed": Rule(
        "error",
        "a unique name for each dimension of the array, in order",
        "name them with --dims, such as --dims presentation,neuroid,time_bin",
    ),
    "value-column": Rule(
        "error", "the name of the one column that holds the values", "name it with --value, such as --value choice"
    ),
    "coords-mismatch": Rule(
        "error", "a row for each position of a dimension", "correct the table, or pass it for another dimension"
    ),
    "coordinate-doubled": Rule("error", "unique names of columns and coordinates", "rename or drop one of them"),
    # ------------------------------------------------------------------ the files of a stimulus set
    "paths-missing": Rule(
        "error",
        "stimulus_paths is a dict from stimulus_id to the path of the stimulus",
        "assign stimulus_set.stimulus_paths",
    ),
    "path-missing": Rule("error", "stimulus_paths has a path for each stimulus_id", "add the path"),
    "filename-missing": Rule("error", "a name in each row of the column 'filename'", "fill it in"),
    "member-unsafe": Rule(
        "error",
        "a relative path with '/' between folders, without '..', line breaks or parts longer than 255 bytes",
        "change it in the column 'filename', or change the stimulus_id from which it is derived",
    ),
    "member-clash": Rule(
        "error",
        "distinct names in the archive, also on file systems that ignore case, such as on macOS",
        "rename one of the files",
    ),
    "archive-unreadable": Rule(
        "error", "an intact ZIP archive that is safe to unpack", "create it again with package_stimulus_set"
    ),
    "file-missing": Rule("error", "a file for each stimulus", "put the file there, or correct the row"),
    "file-empty": Rule("error", "a file with content", "create the file again, or drop the row"),
    "file-unreadable": Rule(
        "error", "a file that can be opened and decoded", "create the file again, or correct access"
    ),
    "file-misnamed": Rule(
        "warning", "an extension that matches the content", "rename the file, or convert its content"
    ),
    "file-kind-mixed": Rule("warning", "files of one kind", "convert the file, or make two stimulus sets"),
    "image-mode-mixed": Rule("warning", "images of one mode", "convert the image with Pillow's Image.convert"),
    "file-unlisted": Rule("note", "a row for each file", "add rows for these files, or leave them out"),
    # ------------------------------------------------------------------ an assembly
    "assembly-unreadable": Rule(
        "error", "a netCDF-4 file with exactly one data variable", "write it again with brainio.packaging.write_netcdf"
    ),
    "dims-wrong": Rule(
        "error", "the dimensions of its class", "rename, add or squeeze dimensions, or use another class"
    ),
    "dim-empty": Rule(
        "error", "at least one element in each dimension", "check the selection that removed all elements"
    ),
    "stimulus-id-missing": Rule(
        "error",
        "a coordinate 'stimulus_id' along one dimension (such as 'presentation', not 'stimulus_id' itself)",
        "add it: loading uses it to join the metadata of the stimuli",
    ),
    "presentation-without-stimulus": Rule(
        "error",
        "a non-empty text as stimulus_id of each presentation",
        "fill it in",
    ),
    "neuroid-id-missing": Rule(
        "warning",
        "a coordinate 'neuroid_id' along 'neuroid', with a value for each",
        "add it to identify the neuroids",
    ),
    "neuroid-id-doubled": Rule(
        "warning", "a unique neuroid_id for each neuroid", "make them unique, e.g. with the animal's name"
    ),
    "time-bin-incomplete": Rule(
        "warning",
        "the coordinates time_bin_start and time_bin_end along 'time_bin', in ms",
        "add the missing coordinates",
    ),
    "time-bin-not-number": Rule("error", "numbers in ms as start and end of each time bin", "convert them to numbers"),
    "time-bin-reversed": Rule("error", "time_bin_end is not before time_bin_start", "swap the two"),
    "time-bin-empty": Rule(
        "warning", "time_bin_end is after time_bin_start", "give the start and end of the counting window"
    ),
    "time-bin-overlap": Rule(
        "warning", "time bins that do not overlap", "correct start and end, unless the window was sliding"
    ),
    "values-all-missing": Rule("warning", "values", "look for a join or a selection that matched nothing"),
    "values-missing": Rule("note", "a value in each place", "nothing, if there was no measurement"),
    "neuroid-all-missing": Rule("warning", "a value for each neuroid", "drop the neuroid"),
    "values-infinite": Rule("warning", "finite values", "look for a division by zero; use NaN for missing values"),
    "coordinate-name": Rule(
        "error", "coordinate names without spaces and '/', other than 'data'", "rename the coordinate"
    ),
    "coordinate-mixed-type": Rule(
        "error", "values of one kind in each coordinate", "convert the coordinate, for text with .astype(str)"
    ),
    "values-mixed-type": Rule("error", "values of one kind", "convert the values, for text with .astype(str)"),
    "type-unstorable": Rule(
        "error",
        "text, dates, True and False, or numbers that netCDF supports: integers, float32, float64",
        "convert the values, such as with .astype('float32') or .astype(str)",
    ),
    "extra-name": Rule(
        "error",
        "names of letters, digits and underscores, distinct from coordinates, dimensions and attributes of assemblies",
        "rename the extra",
    ),
    "extra-nested": Rule(
        "error",
        "no arrays in the attributes of an extra",
        "pass the array as a separate extra, or delete the attribute",
    ),
    "extra-kind": Rule("error", "each extra is an xarray.DataArray", "convert it to an xarray.DataArray"),
    # ------------------------------------------------------------------ an assembly and its stimulus set
    "set-unnamed": Rule("error", "the identifier of the stimulus set", "name the stimulus set of the recording"),
    "set-unlisted": Rule("error", "a catalog that lists the stimulus set", "Package the stimulus set first"),
    "set-version-unlisted": Rule(
        "error",
        "a listed version of the stimulus set with the hashes that the assembly was packaged with",
        "list that version of the set again, or package the assembly with a listed version",
    ),
    "set-ambiguous": Rule("error", "one stimulus set of that identifier", "name the catalog"),
    "stimulus-id-spelling": Rule(
        "error",
        "each stimulus_id as the stimulus set spells it",
        "write the ids as in the stimulus set; in tables, leading zeros belong to an id",
    ),
    "set-identifier-differs": Rule(
        "warning",
        "attrs['stimulus_set_identifier'] names the stimulus set",
        "correct it, or use the stimulus set that it names",
    ),
    "stimulus-unknown": Rule(
        "error",
        "each presentation shows a stimulus of the stimulus set",
        "add it to the set, or correct the id",
    ),
    "stimulus-id-number": Rule(
        "note",
        "text as stimulus_id, as in the stimulus set",
        "nothing: loading converts it to text; in a new package, convert it with .astype(str)",
    ),
    "stimulus-unused": Rule("note", "presentations of each stimulus", "nothing, if they were not shown"),
    "stimulus-column-collides": Rule(
        "error",
        "column names of the stimulus set that differ from dimensions and from coordinates of other dimensions",
        "rename the column or the coordinate of the assembly: otherwise loading does not join the column",
    ),
    "coordinate-differs": Rule(
        "warning",
        "the values that the stimulus set has for the stimulus shown",
        "correct one of the two, or drop the coordinate: loading joins the column of the set",
    ),
    "coordinate-type-differs": Rule(
        "warning", "values of the same kind as in the stimulus set", "convert one of the two, or drop the coordinate"
    ),
    # ------------------------------------------------------------------ a catalog
    "catalog-row": Rule("error", "valid rows, with one file for each part of an entry", "correct the row"),
    "entry-incomplete": Rule("error", "a row for the CSV file and one for the ZIP archive", "add the row"),
    "set-unstated": Rule(
        "warning",
        "the identifier of the stimulus set, whose metadata loading joins",
        "name the stimulus set in the row; without one, the assembly loads with its own coordinates only",
    ),
    "successor-unlisted": Rule(
        "error", "a catalog that lists the successor", "correct the successor, or package it first"
    ),
    "successor-circular": Rule(
        "error", "another entry, whose own successors do not lead back", "correct the successor, or leave it empty"
    ),
    "publication-unlisted": Rule(
        "error",
        "a row with this key in publications.csv next to the catalog",
        "add the row, for example with brainio.catalogs.add_publication, or correct the key",
    ),
    "publication-doi": Rule("error", EXPECTED, "correct the DOI, or leave it empty"),
    "publication-duplicate": Rule("warning", "one row for each publication of a key", "remove one of the rows"),
    "publications-unreadable": Rule("error", "a publications table that can be read", "correct the file"),
    "license-unknown": Rule(
        "warning",
        "an SPDX expression in canonical case, such as CC-BY-4.0, or LicenseRef- and a name",
        "correct the licence; https://spdx.org/licenses lists all",
    ),
    "card-gone": Rule("warning", "a card at the location in the catalog", "build it again with brainio card build"),
    "card-unreachable": Rule("warning", "a card at a reachable location", "try again, or correct the column card"),
    "file-without-hash": Rule(
        "warning", "a sha1 or sha256 for each file, which reveals wrong bytes", "add the hash to the row"
    ),
    "file-gone": Rule("error", "a file at its location", "publish it again, or correct the location"),
    "file-changed": Rule(
        "error", "the bytes whose hash the catalog lists", "restore the file; new bytes are a new version"
    ),
    "file-unreachable": Rule("error", "a reachable location", "try again, or ask its owner for access"),
}
