"""Works as BibTeX, that BibTeX and its parsers read."""

from collections.abc import Iterable

from brainio.catalogs.publications import DETAILS
from brainio.exchange.latex import latex, latex_name, latex_title, verbatim
from brainio.exchange.works import Work


def bibtex(works: Iterable[Work]) -> str:
    r"""Write works as BibTeX.

    Examples
    --------
    >>> print(bibtex([Work("doe2026cards", "On cards", ("Doe, J.",), year="2026", journal="Lab & Life")]))
    @article{doe2026cards,
      title = {On cards},
      author = {Doe, J.},
      year = {2026},
      journal = {Lab \& Life},
    }
    """
    return "\n\n".join(map(_entry, works))


def _entry(work: Work) -> str:
    known = {
        "title": f"{{{latex(work.title)}}}" if work.is_data else latex_title(work.title),
        "author": " and ".join([*map(latex_name, work.authors), *(["others"] if work.more_authors else [])]),
        "year": latex(work.year),
        "journal" if work.is_published else "note": latex(work.journal),
        **{name: latex(getattr(work, name)) for name in DETAILS},
        "version": latex(work.version),
        "doi": verbatim(work.doi),
        "url": verbatim(work.url),
    }
    if work.note:
        known["note"] = latex(work.note)
    fields = "".join(f"  {name} = {{{value}}},\n" for name, value in known.items() if value)
    return f"@{_type(work)}{{{work.key},\n{fields}}}"


def _type(work: Work) -> str:
    if work.is_published:
        return "article"
    return "unpublished" if work.journal else "misc"
