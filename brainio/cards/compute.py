"""From an object to its card. Reads no catalog and no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from brainio.assemblies import AssemblyLoader, DataAssembly, named_class
from brainio.assemblies.joining import stimulus_coordinates
from brainio.cards.arrays import COUNTED_BY, columns_of, describe_array
from brainio.cards.columns import MOST_LISTED, rounded, sound_text
from brainio.cards.facts import checked_facts, with_facts
from brainio.cards.pictures import Pictures
from brainio.cards.reliable import reliability_of
from brainio.cards.tables import describe_stimuli
from brainio.catalogs.entries import TYPE_ASSEMBLY, TYPE_STIMULUS_SET
from brainio.catalogs.set_hashes import CARD_FIELD
from brainio.fetch.set_hashes import read_set_hashes
from brainio.stimuli import FILENAME, IMAGE_ID, STIMULUS_ID, StimulusSet, StimulusSetLoader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.cards.pictures import Responses
    from brainio.catalogs.cards import Card


def card_of(
    data: StimulusSet | xr.DataArray,
    *,
    identifier: str | None = None,
    class_name: str | None = None,
    version: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Card:
    """Compute the card of a stimulus set or an assembly.

    All values are read once, in blocks of 16 MiB (of a lazy assembly: in its chunks); nothing of `data` is changed.
    Reliability is computed from 17 million values at most, headers of image files are read, other files only measured.

    Parameters
    ----------
    data : StimulusSet or xarray.DataArray
        What is described. Any dtype, shape and kind of coordinates.
    identifier : str, optional
        Of the entry; by default what `data` says.
    class_name : str, optional
        Of the entry; by default the class of `data`.
    version : str, default ''
        Of the entry.
    facts : mapping, optional
        What no data can tell: `license`, `citation`, `doi`, `authors`, `species`, `status_reason`; see
        `checked_facts`. `regions` and `animals` are kept only where the data have no such coordinate.

    Returns
    -------
    dict
        What docs/cards.md describes; `json.dumps` can write it. The same data give the same card.

    Raises
    ------
    PackagingError
        The facts are of another form.

    Examples
    --------
    >>> from brainio.assemblies import NeuroidAssembly
    >>> assembly = NeuroidAssembly([[1.0, 2.0], [3.0, float("nan")]], dims=["presentation", "neuroid"], coords={
    ...     "stimulus_id": ("presentation", ["s1", "s2"]), "repetition": ("presentation", [0, 0]),
    ...     "neuroid_id": ("neuroid", [1, 2]), "region": ("neuroid", ["IT", "IT"])})
    >>> card = card_of(assembly, identifier="lab.Doe2026", facts={"species": "Macaca mulatta"})
    >>> card["shape"], card["values"]["missing_share"], card["counts"][0]["counts"], card["species"]
    ([2, 2], 0.25, [{'value': 'IT', 'count': 2}], ['Macaca mulatta'])
    """
    told = checked_facts(facts or {})
    if isinstance(data, pd.DataFrame):
        lookup_type, described, own_name = TYPE_STIMULUS_SET, describe_stimuli(data), getattr(data, "identifier", None)
    else:
        lookup_type, described, own_name = TYPE_ASSEMBLY, describe_assembly(data)[0], data.attrs.get("identifier")
    name = class_name or type(data).__name__
    return card_with(described, lookup_type, identifier or own_name, name, version, told)


def card_with(
    described: dict[str, Any],
    lookup_type: str,
    identifier: object,
    class_name: str,
    version: str,
    facts: Mapping[str, Any],
) -> Card:
    """Return the card of described data: with its names, and with checked facts."""
    card: Card = {
        "identifier": sound_text(identifier, 200) if identifier else "",
        "lookup_type": lookup_type,
        "class": class_name,
        **({"version": version} if version else {}),
        **facts,
    }
    return with_facts(described, card)


def describe_file(
    path: str, class_name: str, table: str, stimulus_set: str, stimulus_set_identifier: str
) -> dict[str, Any]:
    """Return the fields of a card of an assembly in a file, block by block; runs in a worker process.

    Parameters
    ----------
    path, class_name : str
        The netCDF file, and the class that it loads as.
    table, stimulus_set : str
        The CSV file of the stimulus set and its identifier; empty: none is joined in.
    stimulus_set_identifier : str
        What the catalog names as the stimulus set; empty: nothing.
    """
    stimuli = None
    if table:
        stimuli = StimulusSetLoader(StimulusSet, Path(table), Path).load()  # the paths of stimuli are not needed
        stimuli.identifier = stimulus_set
    options = {"stimulus_set_identifier": stimulus_set_identifier or None, "stimulus_set": stimuli}
    described, _ = describe_assembly(named_class(class_name).from_files(Path(path), **options, in_blocks=True))
    return described | _set_hashes(path)


def describe_for_profile(path: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """Return the fields of a card of an assembly in a file, and rows of responses; runs in a worker process.

    Parameters
    ----------
    path : str
        The netCDF file. No stimulus set is joined in: another catalog may name another one for the same bytes.

    Returns
    -------
    dict, list
        For each stimulus with a response: its id, how often it was presented, the mean, and the rank of the mean.
    """
    described, found = describe_assembly(AssemblyLoader(DataAssembly, path, in_blocks=True).load())
    described.pop("stimulus_set_identifier", None)
    described |= _set_hashes(path)
    if found is None:
        return described, []
    ranks = {place: rank for rank, place in enumerate(found.strongest_first(), start=1)}
    rows = [
        [stimulus, int(presentations), rounded(float(mean)), ranks.get(number)]
        for number, (stimulus, presentations, mean) in enumerate(zip(*found, strict=True))
    ]
    return described, rows


def _set_hashes(path: str) -> dict[str, Any]:
    hashes = read_set_hashes(Path(path))
    return {CARD_FIELD: hashes} if hashes else {}


def describe_assembly(assembly: xr.DataArray) -> tuple[dict[str, Any], Responses | None]:
    """Return the fields of a card that an assembly has, and its mean response to each stimulus, if there are any."""
    stimulus_set = assembly.attrs.get("stimulus_set")
    name = assembly.attrs.get("stimulus_set_identifier") or getattr(stimulus_set, "identifier", None)
    described: dict[str, Any] = {"stimulus_set_identifier": sound_text(name, 200)} if name else {}
    joined = _joined(stimulus_set)
    described |= {"stimulus_columns": joined[:MOST_LISTED]} if joined else {}
    columns = columns_of(assembly)
    of_stimuli = stimulus_coordinates(assembly, joined)
    columns = {name: one for name, one in columns.items() if not (name in COUNTED_BY and name in of_stimuli)}
    pictures = Pictures(assembly, columns)
    described |= describe_array(assembly, columns, {*of_stimuli, FILENAME} if joined else (), pictures.add)
    reliability = reliability_of(assembly, columns)
    told = {} if reliability is None else reliability.told()
    extras = [
        {"name": sound_text(name), **describe_array(extra, columns_of(extra))}
        for name, extra in assembly.attrs.items()
        if isinstance(extra, xr.DataArray)
    ]
    parts = {"reliability": told, "extras": extras, "pictures": pictures.record(reliability)}
    return described | {name: part for name, part in parts.items() if part}, pictures.by_stimulus()


def _joined(stimulus_set: object) -> list[str]:
    """Name the columns of a stimulus set that loading joins in: its card describes them, whether or not they are in."""
    if not isinstance(stimulus_set, pd.DataFrame):
        return []
    return [sound_text(name) for name in stimulus_set.columns if name not in (STIMULUS_ID, IMAGE_ID, FILENAME)]
