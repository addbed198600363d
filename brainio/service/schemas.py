"""The records of the JSON interface, as the OpenAPI document describes them."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["stimulus_set", "assembly"]


class Schema(BaseModel):
    """Parent of all records."""

    model_config = ConfigDict(populate_by_name=True)


class Link(Schema):
    """An entry, and where more is said of it."""

    catalog: str
    kind: Kind
    identifier: str
    version: str
    url: str


class File(Schema):
    """One file of an entry; `url` leads to its bytes.

    `location` is null where only the service has them, and under embargo.
    """

    part: Literal["csv", "zip", "nc"]
    class_name: str = Field(alias="class")
    size: int | None
    sha1: str
    sha256: str
    version_id: str
    location: str | None
    mirrors: list[str]
    url: str


class Summary(Link):
    """An entry as it is listed."""

    class_name: str = Field(alias="class")
    status: Literal["current", "superseded", "deprecated", "unavailable"]
    aliases: list[str]
    stimulus_set_identifier: str
    publication: str
    license: str


class Version(Summary):
    """One version of an entry. `card` is null where it has none; `embargo` is the last day of one, in UTC."""

    successor: str
    files: list[File]
    card: str | None
    embargo: date | None


class Publication(Schema):
    """A row of the table of publications."""

    publication: str
    title: str
    authors: str
    year: str
    journal: str
    doi: str
    url: str
    volume: str = ""
    number: str = ""
    pages: str = ""
    publisher: str = ""


class EntryDetails(Version):
    """All that catalogs say of an entry; the fields of `Version` are those of the version that was asked for."""

    publications: list[Publication]
    stimulus_set: Link | None
    used_by: list[Link]
    versions: list[Version]
    load: str
    history: str


class Entries(Schema):
    """A page of entries; `next` is the URL of the page behind it."""

    entries: list[Summary]
    next: str | None


class History(Schema):
    """All versions of an entry, the oldest first."""

    versions: list[Version]


class CatalogRecord(Schema):
    """A catalog. `state` names what it lists now; where `available` is false that is what was read last, or nothing."""

    catalog: str
    available: bool
    state: str | None
    stimulus_sets: int
    assemblies: int
    csv: str
    entries: str
    changes: str
    url: str


class Catalogs(Schema):
    """The catalogs that are served."""

    catalogs: list[CatalogRecord]


class ChangeRecord(Schema):
    """What became of an entry; `url` is null where it was removed."""

    change: Literal["added", "changed", "removed"]
    kind: Kind
    identifier: str
    url: str | None


class Changes(Schema):
    """What changed since a cursor, and the cursor to ask with next time; `more` says that there is more already."""

    catalog: str
    changes: list[ChangeRecord]
    cursor: str
    more: bool


class HitRecord(Schema):
    """An entry that a search found."""

    catalog: str
    kind: Kind
    identifier: str
    version: str
    class_name: str = Field(alias="class")
    status: str
    title: str
    lab: str
    year: int | None
    regions: dict[str, str]
    species: dict[str, str]
    has_repetitions: bool | None
    has_reliability: bool | None
    matched: dict[str, list[str]]
    missing: list[str]
    score: float | None
    why: str
    load: str
    url: str


class SearchResponse(Schema):
    """What a search found."""

    text: str
    filters: dict[str, list[str]]
    total: int
    has_all_words: bool
    note: str
    facets: dict[str, dict[str, int]]
    hits: list[HitRecord]
    next: str | None


class Stimuli(Schema):
    """A page of the stimuli of a set, each with all columns; null where a value is missing."""

    total: int
    stimuli: list[dict[str, str | int | float | None]]
    next: str | None


class Start(Schema):
    """Where the interface begins."""

    name: str
    version: str
    catalogs: str
    entries: str
    search: str
    openapi: str


class Health(Schema):
    """Whether the service can answer, and how many catalogs are as they are now, as they were, or not to be had.

    They are those that whoever asks may see. `database` says whether tokens and embargoes can be read.
    """

    status: Literal["ok", "starting"]
    database: Literal["ok", "away"]
    catalogs: dict[Literal["ok", "stale", "away"], int]
