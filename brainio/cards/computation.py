"""Compute the card of an object in memory or in a file, without a catalog or the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, named_class
from brainio.assemblies.stimulus_metadata import stimulus_coordinates
from brainio.cards.arrays import POPULATION_COORDS, compute_reliability, describe_array, factorize_coords
from brainio.cards.charts import ChartData
from brainio.cards.columns import MAX_COLUMNS, clean_text, round_significant
from brainio.cards.facts import add_facts, normalize_facts
from brainio.cards.stimulus_sets import describe_stimulus_set
from brainio.catalogs.entries import CARD_FIELD, TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.fetch.stimulus_sets import read_set_hashes
from brainio.stimuli import FILENAME, IMAGE_ID, STIMULUS_ID, StimulusSet, StimulusSetLoader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.cards.charts import StimulusResponses
    from brainio.catalogs.cards import Card

_MAX_IDENTIFIER = 200  # characters


def compute_card(
    data: StimulusSet | xr.DataArray,
    *,
    identifier: str | None = None,
    class_name: str | None = None,
    version: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Card:
    """Compute the card of a stimulus set or an assembly.

    All values are read once, in blocks of 16 MiB (chunk by chunk if the assembly is lazy); `data` does not change.
    Reliability uses at most 17 million values. Of image files only the headers are read, of other files only the sizes.

    Parameters
    ----------
    data : StimulusSet or xarray.DataArray
        Data of any dtype, shape and kind of coordinates.
    identifier : str, optional
        Identifier of the entry; by default that of `data`.
    class_name : str, optional
        Class of the entry; by default the class of `data`.
    version : str, default ''
        Version of the entry.
    facts : mapping, optional
        Facts that cannot be computed: `license`, `citation`, `doi`, `authors`, `species`, `status_reason`; see
        `normalize_facts`. `regions` and `animals` are used only if the data have no such coordinate.

    Returns
    -------
    dict
        The fields that docs/cards.md describes, ready for `json.dumps`. Equal data give equal cards.

    Raises
    ------
    PackagingError
        The facts are malformed.

    Examples
    --------
    >>> from brainio.assemblies import NeuroidAssembly
    >>> assembly = NeuroidAssembly([[1.0, 2.0], [3.0, float("nan")]], dims=["presentation", "neuroid"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s2"]), "repetition": ("presentation", [0, 0]),
    ...     "neuroid_id": ("neuroid", [1, 2]), "region": ("neuroid", ["IT", "IT"])})
    >>> card = compute_card(assembly, identifier="lab.Doe2026", facts={"species": "Macaca mulatta"})
    >>> card["shape"], card["values"]["missing_share"], card["counts"][0]["counts"], card["species"]
    ([2, 2], 0.25, [{'value': 'IT', 'count': 2}], ['Macaca mulatta'])
    """
    normalized = normalize_facts(facts or {})
    if isinstance(data, pd.DataFrame):
        lookup_type, own_identifier = TYPE_STIMULUS_SET, getattr(data, "identifier", None)
        statistics = describe_stimulus_set(data)
    else:
        lookup_type, own_identifier = TYPE_ASSEMBLY, data.attrs.get("identifier")
        statistics, _ = _describe_assembly(data)
    name = class_name or type(data).__name__
    return compose_card(statistics, lookup_type, identifier or own_identifier, name, version, normalized)


def compose_card(
    statistics: dict[str, Any],
    lookup_type: str,
    identifier: object,
    class_name: str,
    version: str,
    facts: Mapping[str, Any],
) -> Card:
    """Return a card with the names of its entry, normalized facts and computed statistics."""
    card: Card = {
        "identifier": clean_text(identifier, _MAX_IDENTIFIER) if identifier else "",
        "lookup_type": lookup_type,
        "class": class_name,
        **({"version": version} if version else {}),
        **facts,
    }
    return add_facts(statistics, card)


def describe_assembly_file(
    path: str, class_name: str, table: str, stimulus_set: str, stimulus_set_identifier: str
) -> dict[str, Any]:
    """Return the fields of a card that describe an assembly in a file; runs in a worker process.

    Parameters
    ----------
    path, class_name : str
        The netCDF file, and the class to load it as.
    table, stimulus_set : str
        The CSV file of the stimulus set to join in, and its identifier; both may be empty.
    stimulus_set_identifier : str
        The stimulus set according to the catalog; may be empty.
    """
    stimuli = None
    if table:
        stimuli = StimulusSetLoader(StimulusSet, Path(table), Path).load()  # a card needs no paths of stimuli
        stimuli.identifier = stimulus_set
    options = {"stimulus_set_identifier": stimulus_set_identifier or None, "stimulus_set": stimuli}
    statistics, _ = _describe_assembly(named_class(class_name).from_files(Path(path), **options, in_blocks=True))
    return statistics | _set_hashes(path)


def describe_for_profile(path: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """Return the fields of a card and the rows of responses for the profile of an assembly; runs in a worker process.

    Parameters
    ----------
    path : str
        The netCDF file. No stimulus set is joined in: catalogs may name different ones for the same bytes.

    Returns
    -------
    dict
        The fields of a card.
    list
        For each stimulus its id, the number of presentations, the mean response, and the rank of that mean.
    """
    statistics, responses = _describe_assembly(AssemblyLoader(DataAssembly, path, in_blocks=True).load())
    statistics.pop("stimulus_set_identifier", None)
    statistics |= _set_hashes(path)
    if responses is None:
        return statistics, []
    ranks = {position: rank for rank, position in enumerate(responses.strongest_first(), start=1)}
    rows = [
        [stimulus, int(presentations), round_significant(float(mean)), ranks.get(position)]
        for position, (stimulus, presentations, mean) in enumerate(zip(*responses, strict=True))
    ]
    return statistics, rows


def _set_hashes(path: str) -> dict[str, Any]:
    hashes = read_set_hashes(Path(path))
    return {CARD_FIELD: hashes} if hashes else {}


def _describe_assembly(assembly: xr.DataArray) -> tuple[dict[str, Any], StimulusResponses | None]:
    """Return the fields of a card that describe an assembly, and its mean response to each stimulus, if it has any."""
    stimulus_set = assembly.attrs.get("stimulus_set")
    name = assembly.attrs.get("stimulus_set_identifier") or getattr(stimulus_set, "identifier", None)
    described: dict[str, Any] = {"stimulus_set_identifier": clean_text(name, _MAX_IDENTIFIER)} if name else {}
    joined = _joined_columns(stimulus_set)
    described |= {"stimulus_columns": joined[:MAX_COLUMNS]} if joined else {}
    columns = factorize_coords(assembly)
    from_stimuli = stimulus_coordinates(assembly, joined)
    columns = {
        name: column for name, column in columns.items() if not (name in POPULATION_COORDS and name in from_stimuli)
    }
    charts = ChartData(assembly, columns)
    described |= describe_array(assembly, columns, {*from_stimuli, FILENAME} if joined else (), charts.add)
    reliability = compute_reliability(assembly, columns)
    extras = [
        {"name": clean_text(name), **describe_array(extra, factorize_coords(extra))}
        for name, extra in assembly.attrs.items()
        if isinstance(extra, xr.DataArray)
    ]
    optional = {
        "reliability": {} if reliability is None else reliability.to_record(),
        "extras": extras,
        "pictures": charts.to_record(reliability),
    }
    return described | {name: field for name, field in optional.items() if field}, charts.responses_by_stimulus()


def _joined_columns(stimulus_set: object) -> list[str]:
    """Return the columns of a stimulus set that loading joins into an assembly, even if `assembly` lacks them now."""
    if not isinstance(stimulus_set, pd.DataFrame):
        return []
    return [clean_text(name) for name in stimulus_set.columns if name not in (STIMULUS_ID, IMAGE_ID, FILENAME)]
