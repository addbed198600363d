"""Fuzz catalogs: reading any bytes quickly returns a listing or raises a CatalogError."""

import contextlib
import warnings
from collections.abc import Callable, Sequence

from tests.security import harness

HEADER = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
_MORE = ",version_id,sha256,size,mirrors,aliases,version,status,successor,publication,license,card"
_ADDED = {"identifier": "added", "lookup_type": "assembly", "location": "x.nc"}
_ROWS = (
    f"lab.Doe2026,stimulus_set,StimulusSet,S3,s3://lab/stimulus_lab_Doe2026.csv,{'a' * 40},\r\n"
    f"lab.Doe2026,stimulus_set,,S3,https://lab.s3.amazonaws.com/stimulus.zip,{'b' * 40},\r\n"
    f'lab.Doe2026,assembly,NeuroidAssembly,https,"https://lab.org/a,b.nc",{"c" * 40},lab.Doe2026\r\n'
)
SEEDS: Sequence[bytes] = (
    f"{HEADER}\r\n{_ROWS}".encode(),
    f"\ufeff{HEADER}{_MORE}\n{_ROWS.splitlines()[0]},null,{'d' * 64},12,https://a.b/c,x y,1,current,,p,l,c\n".encode(),
    f'{HEADER}\n"lab\nDoe",assembly,"a""b",,x.nc,,\n"open,assembly,X,S3,s3://b/k,,\n'.encode(),
    f"{HEADER},x,x\na\0b,assembly,X,S3,s3://b/k,,,\n\x1b[2J\u202e,assembly,X,S3,https://u:p@b/k?a=b,,,\n".encode(),
    b'publication,title,year\ndoe2026,"On\ncells",2026\n\0,,\n',
)


def load() -> tuple[Sequence[bytes], Callable[[bytes], None]]:
    from brainio.catalogs.csv_format import read_table, with_rows_added
    from brainio.catalogs.listing import read_listing
    from brainio.errors import CatalogError, LocationError
    from brainio.stores import parse_location
    from brainio.text import printable

    def check(data: bytes) -> None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return  # `CatalogSource` converts it to a CatalogError
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(CatalogError):
                rows = read_table(text, "fuzzed", "publication")
                if any("\0" in cell for row in rows for cell in row.values()):
                    raise AssertionError("a NUL character was read")
            with contextlib.suppress(CatalogError):
                with_rows_added(text, [dict.fromkeys(HEADER.split(","), "") | _ADDED], "fuzzed")
            try:
                listing = read_listing("fuzzed", text, "https://lab.org/catalogs/fuzzed.csv")
            except CatalogError as error:
                if printable(str(error)) != str(error):
                    raise AssertionError(f"{error!r} controls the terminal") from error
                return
        for entry in listing.entries.values():
            for file in entry.files:
                for place in (file.location, *file.mirrors, entry.card or "card.json"):
                    try:
                        location = parse_location(place, base=entry.base)
                    except LocationError:
                        continue
                    if location.location_type not in {"S3", "http", "https"} or not location.origin:
                        raise AssertionError(f"{place!r} was read as {location!r}")

    return SEEDS, check


if __name__ == "__main__":
    harness.main(["brainio.catalogs", "brainio.stores", "csv"], load)
