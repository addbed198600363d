"""`overlap`: which stimuli two sets have in common, by id, by bytes, and by what they show or sound like."""

from __future__ import annotations

from pathlib import Path

from brainio.fetch import get_local_data_path
from brainio.fetch.cache_access import prevent_pruning
from brainio.relations.contents import Content, contents_of
from brainio.relations.sets import Stimuli, Subject, stimuli_of
from brainio.relations.shared import Overlap


def overlap(a: Subject, b: Subject) -> Overlap:
    """Find the stimuli that two sets share, for instance a training set and a test set.

    Files are read and decoded in several threads. What is found out about a published set, or about any archive in the
    cache, is kept there, so that comparing it again takes no reading.

    Parameters
    ----------
    a, b : str, path, StimulusSet or tuple
        A published identifier or alias, which is fetched; a set in memory, whole or in part; a CSV file or a folder
        with one, whose files lie beside it as for `brainio.validate`; or a CSV file and the folder or ZIP archive with
        its files.

    Returns
    -------
    Overlap
        Equal are images of the same pixels, in whatever format without loss, WAV sounds of the same samples, and other
        files of the same bytes. Pictures that only look alike are not. It prints as tables; `to_dataframe()` has each
        match.

    Raises
    ------
    StimulusSetLookupError, AmbiguousEntryError, EntryUnavailableError, TransferError, IntegrityError
        A published set cannot be had.
    LocationError, StimulusSetFormatError
        There is no such file, or no stimulus set in it.

    Examples
    --------
    >>> import brainio
    >>> stimuli = brainio.get_stimulus_set('modelfest.Carney1999')
    >>> found = brainio.overlap('modelfest.Carney1999', stimuli[:4])
    >>> found.a.same['content'], found.b.share, found.contradictions
    (4, 1.0, [])
    """
    with prevent_pruning():
        first, second = stimuli_of(a), stimuli_of(b)
        found = contents_of([*first.paths.values(), *second.paths.values()], Path(get_local_data_path()))

    def contents(stimuli: Stimuli) -> dict[str, Content]:
        return {stimulus_id: found[path] for stimulus_id, path in stimuli.paths.items()}

    return Overlap.of(first.name, contents(first), second.name, contents(second))
