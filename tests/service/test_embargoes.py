"""Embargoes: until one ends, everybody sees the metadata of an entry, and only permitted tokens get its data."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brainio
from brainio.cards import build_profile
from brainio.catalogs import Entry, append_rows
from brainio.errors import ServiceError, TransferError
from brainio.service.database import Database
from brainio.service.embargoes import Embargoes, lift_embargo, list_embargoes, set_embargo, today
from brainio.service.tokens import create_token
from tests.cards.profile_examples import demo
from tests.cli.command import brainio as command
from tests.servers import HttpFolder, MotoS3
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab
from tests.service.test_change_log import changes_since

KEY = ("lab", "stimulus_set", CARNEY)
ENTRY = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
FILE = f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}"
PATH = "/catalogs/lab/files/stimulus_modelfest_Carney1999.zip"
DAY = timedelta(days=1)


class EmbargoLab:
    """A service of a lab, its database, and a token for data under embargo."""

    def __init__(self, service: ServiceProcess, database: Database) -> None:
        self.service, self.database = service, database
        self.token = ""

    def get_with_token(self, path: str) -> httpx.Response:
        """Send a GET request with the token."""
        return self.service.get(path, Authorization=f"Bearer {self.token}")

    def main(self, path: str) -> str:
        """Return the main element of a page as clients without a token see it."""
        return self.service.get(path).text.partition("<main")[2]

    def entry(self) -> dict[str, object]:
        answer: dict[str, object] = self.service.get(ENTRY).json()
        return answer

    def begin_embargo(self, until: date | None = None) -> None:
        """Set the embargo, and wait until the entry reports it."""
        last = until or today() + DAY
        set_embargo(self.database, KEY, last)
        self.service.wait_until(lambda: self.entry()["embargo"] == last.isoformat())

    def row(self) -> dict[str, str]:
        """Return the row of the ZIP archive in the served CSV form."""
        rows = csv.DictReader(io.StringIO(self.service.get("/catalogs/lab").text))
        return next(row for row in rows if row["identifier"] == CARNEY and not row["class"])


@pytest.fixture
def lab(tmp_path: Path, flow_database: str) -> Iterator[EmbargoLab]:
    """A service of a lab, on each of the databases."""
    with serve(tmp_path, make_lab(tmp_path / "lab"), flow_database) as lab:
        yield lab


@contextmanager
def serve(folder: Path, catalog: Path | str, database: str, **environment: str) -> Iterator[EmbargoLab]:
    environment |= {"BRAINIO_CATALOGS": str(catalog), "BRAINIO_SERVE_DATABASE": database}
    with ServiceProcess(folder / "served", **environment) as service:
        yield EmbargoLab(service, Database(database))


def test_an_embargo_withholds_the_data_on_every_path_but_not_the_metadata(lab: EmbargoLab) -> None:
    service = lab.service
    before, csv_before = lab.entry(), service.get("/catalogs/lab")
    free = service.get(FILE)
    assert (free.status_code, before["embargo"]) == (200, None)
    lab.begin_embargo(today() + DAY)
    after = lab.entry()
    for path in (FILE, PATH, f"/catalogs/lab/{lab.row()['location']}", FILE.replace("/zip/", "/csv/")):
        for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": free.headers["etag"]}, {"If-None-Match": "*"}):
            answer = service.client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "embargoed")
            assert f"until the end of {today() + DAY}" in answer.json()["error"]["message"]
            assert "lab:embargoed" in answer.json()["error"]["hint"]
            assert answer.headers["cache-control"] == "no-store"
        assert service.client.head(path).status_code == 403
    metadata = ("identifier", "license", "publications", "card", "used_by", "stimulus_set_identifier")
    assert {name: after[name] for name in metadata} == {name: before[name] for name in metadata}
    hashes = [[file["sha256"] for file in record["files"]] for record in (before, after)]  # type: ignore[attr-defined]
    assert hashes[0] == hashes[1]
    assert service.get(str(after["card"])).status_code == 200
    assert lab.row()["location"].startswith("by-key/")
    assert lab.row()["sha1"]
    assert service.get("/catalogs/lab").headers["etag"] != csv_before.headers["etag"]
    assert service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}").status_code == 200  # not under embargo


def test_lifting_an_embargo_restores_every_answer(lab: EmbargoLab) -> None:
    before = [lab.service.get(path).text for path in (ENTRY, "/catalogs/lab", "/api/v1/catalogs/lab")]
    lab.begin_embargo()
    assert lab.service.get("/api/v1/catalogs/lab").text != before[2]
    lift_embargo(lab.database, KEY)
    lab.service.wait_until(lambda: lab.entry()["embargo"] is None)
    assert [lab.service.get(path).text for path in (ENTRY, "/catalogs/lab", "/api/v1/catalogs/lab")] == before
    assert lab.service.get(FILE).status_code == 200
    with pytest.raises(ServiceError, match="is not under embargo"):
        lift_embargo(lab.database, KEY)


def test_an_embargo_that_has_ended_withholds_nothing(lab: EmbargoLab) -> None:
    lab.begin_embargo()
    set_embargo(lab.database, KEY, today() - DAY)
    lab.service.wait_until(lambda: lab.entry()["embargo"] is None)
    assert lab.service.get(FILE).status_code == 200
    assert [embargo.is_over for embargo in list_embargoes(lab.database)] == [True]


def test_the_change_feed_reports_when_an_embargo_begins_and_ends(lab: EmbargoLab) -> None:
    cursor = lab.service.get("/api/v1/catalogs/lab/changes").json()["cursor"]
    lab.begin_embargo()
    expected = [("changed", "stimulus_set", CARNEY)]
    lab.service.wait_until(lambda: changes_since(lab.service, cursor)[0])
    changes, after = changes_since(lab.service, cursor)
    assert changes == expected
    set_embargo(lab.database, KEY, today() - DAY)
    lab.service.wait_until(lambda: changes_since(lab.service, after)[0])
    assert changes_since(lab.service, after)[0] == expected


def test_only_a_token_for_embargoed_data_of_the_catalog_gets_the_data(lab: EmbargoLab) -> None:
    _, permitted = create_token(lab.database, ["lab:embargoed"], "")
    others = [create_token(lab.database, [scope], "")[1] for scope in ("lab:read", "*:read", "brainio_demo:embargoed")]
    lab.begin_embargo()

    def get(token: str, path: str = FILE) -> httpx.Response:
        return lab.service.get(path, Authorization=f"Bearer {token}")

    lab.service.wait_until(lambda: get(permitted).status_code == 200)
    assert get(permitted).headers["cache-control"] == "private, no-store"
    assert get(permitted, f"/catalogs/lab/{lab.row()['location']}").content == get(permitted).content
    assert [get(token).status_code for token in others] == [403, 403, 403]


def test_an_embargo_withholds_all_versions_and_their_locations(tmp_path: Path, moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab-private")
    moto_s3.put("lab-private", "secret-place.nc", b"bytes")
    row = {"identifier": "lab.V", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    row |= {"sha1": "", "stimulus_set_identifier": "", "mirrors": "https://lab.example/secret-place.nc"}
    append_rows(tmp_path / "lab.csv", [row | {"version": "1", "location": "s3://lab-open/secret-place.nc"}])
    append_rows(tmp_path / "lab.csv", [row | {"version": "2", "location": "s3://lab-private/secret-place.nc"}])
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.V"), today() + DAY)
    _, permitted = create_token(Database(url), ["lab:embargoed"], "")
    environment = moto_s3.environment | {"BRAINIO_SERVE_SIGNED_BUCKETS": "lab-private"}
    with serve(tmp_path, tmp_path / "lab.csv", url, **environment) as lab:
        get = lab.service.get
        paths = ["/api/v1/entries/lab/assembly/lab.V", "/api/v1/history/lab/assembly/lab.V", "/catalogs/lab"]
        answers = [get(path) for path in paths]
        files = [f"/api/v1/files/lab/assembly/nc/lab.V?version={version}" for version in (1, 2)]
        answers += [get(path) for path in files]
        signed = get(files[1], Authorization=f"Bearer {permitted}")
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 403]
    assert not any("secret-place" in answer.text + str(answer.headers) for answer in answers)
    assert all(version["files"][0]["location"] is None for version in answers[1].json()["versions"])
    assert "Signature" in signed.headers["location"]


def test_get_assembly_needs_a_token_for_data_under_embargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", CARNEY), today() + DAY)
    _, permitted = create_token(Database(url), ["lab:embargoed"], "")
    with serve(tmp_path, make_lab(tmp_path / "lab"), url) as lab:
        monkeypatch.setenv("BRAINIO_CATALOGS", f"{lab.service.url}/catalogs/lab")
        with pytest.raises(TransferError, match="HTTP 403"):
            brainio.get_assembly(CARNEY)
        assert brainio.get_assembly(ROKEM).attrs["identifier"]
        host = lab.service.url.removeprefix("http://")
        monkeypatch.setenv("BRAINIO_CATALOGS", f"http://me:{permitted}@{host}/catalogs/lab")
        assert brainio.get_assembly(CARNEY).shape


def test_commands_set_list_and_lift_embargoes(flow_database: str, tmp_path: Path) -> None:
    here = {"BRAINIO_SERVE_DATABASE": flow_database, "BRAINIO_CATALOGS": str(make_lab(tmp_path / "lab"))}
    last = (today() + DAY).isoformat()
    done = command("embargo", "set", *KEY, "--until", last, "--note", "review", **here)
    assert (done.returncode, f"until the end of {last}, UTC" in done.stderr) == (0, True)
    unlisted = command("embargo", "set", "lab", "assembly", "lab.Later", "--until", last, **here)
    assert (unlisted.returncode, "lists no assembly 'lab.Later' yet" in unlisted.stderr) == (0, True)
    elsewhere = command("embargo", "set", "afar", "assembly", "x", "--until", last, **here)
    assert (elsewhere.returncode, "was not checked" in elsewhere.stderr) == (0, True)
    records = json.loads(command("embargo", "list", "--json", **here).stdout)
    noted = [(record["identifier"], record["until"], record["state"]) for record in records if record["note"]]
    assert noted == [(CARNEY, last, "holds")]
    assert "review" in command("embargo", "list", **here).stdout
    assert command("embargo", "lift", *KEY, **here).returncode == 0
    assert command("embargo", "lift", *KEY, **here).returncode == 1
    for until in ("2020-01-01", "soon", "2027-02-30"):
        assert command("embargo", "set", *KEY, "--until", until, **here).returncode == 2


def test_an_embargo_on_an_alias_applies_to_the_entry(tmp_path: Path) -> None:
    row = {"identifier": "lab.A", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    row |= {"location": "a.nc", "sha1": "", "stimulus_set_identifier": "", "aliases": "lab.Old"}
    append_rows(tmp_path / "lab.csv", [row])
    here = {"BRAINIO_HOME": str(tmp_path / "served"), "BRAINIO_CATALOGS": str(tmp_path / "lab.csv")}
    done = command("embargo", "set", "lab", "assembly", "lab.Old", "--until", today().isoformat(), **here)
    assert "'lab.A'" in done.stderr
    lifted = command("embargo", "lift", "lab", "assembly", "lab.Old", **here)
    assert (lifted.returncode, "'lab.A'" in lifted.stderr) == (0, True)
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.Old"), today())  # as set before the catalog listed the entry
    done = command("embargo", "lift", "lab", "assembly", "lab.A", "--database", url, **here)
    assert (done.returncode, list_embargoes(Database(url))) == (0, [])
    embargoes = Embargoes({("lab", "assembly", "lab.Old"): today()})
    assert embargoes.withholds(Entry("lab", "assembly", "lab.A", (), aliases=("lab.Old",)))


def test_a_file_stays_available_if_an_entry_without_embargo_also_lists_it(tmp_path: Path) -> None:
    (tmp_path / "shared.nc").write_bytes(b"bytes")
    row = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "", "location": "shared.nc"}
    row |= {"sha1": "", "stimulus_set_identifier": ""}
    append_rows(tmp_path / "lab.csv", [row | {"identifier": name} for name in ("lab.Free", "lab.Withheld")])
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.Withheld"), today() + DAY)
    with serve(tmp_path, tmp_path / "lab.csv", url) as lab:
        assert lab.service.get("/catalogs/lab/shared.nc").content == b"bytes"
        assert lab.service.get("/api/v1/files/lab/assembly/nc/lab.Withheld").status_code == 403


@given(st.dictionaries(st.sampled_from("abc"), st.integers(-3, 3), max_size=3), st.sampled_from("abcd"))
def test_an_entry_is_withheld_through_its_last_day(days: dict[str, int], name: str) -> None:
    embargoes = Embargoes({("lab", "assembly", key): today() + offset * DAY for key, offset in days.items()})
    entry = Entry("lab", "assembly", name, ())
    assert embargoes.withholds(entry) == (days.get(name, -1) >= 0)
    active = embargoes.active_in("lab")
    assert active is not None
    assert (name in {identifier for _, identifier, _ in active}) == embargoes.withholds(entry)
    assert embargoes.active_in("other") == frozenset()


def test_an_embargo_can_begin_and_end_while_its_catalog_is_unavailable(tmp_path: Path) -> None:
    catalog = make_lab(tmp_path / "lab")
    with serve(tmp_path, catalog, f"sqlite:///{tmp_path / 'service.db'}") as lab:
        stimuli = f"/api/v1/stimuli/lab/{CARNEY}"
        before = lab.row()
        assert lab.service.get(stimuli).status_code == 404  # the service built no profile
        moved = catalog.rename(tmp_path / "away.csv")
        lab.service.wait_until(lambda: lab.service.get("/healthz").json()["catalogs"]["stale"] == 1)
        lab.begin_embargo()
        assert lab.service.get(stimuli).status_code == 403
        assert lab.row()["location"].startswith("by-key/")
        lift_embargo(lab.database, KEY)
        lab.service.wait_until(lambda: lab.entry()["embargo"] is None)
        assert lab.service.get(stimuli).status_code == 404
        assert lab.row()["location"] == before["location"]
        moved.rename(catalog)
        lab.service.wait_until(lambda: lab.service.get("/healthz").json()["catalogs"]["stale"] == 0)
        assert lab.row()["location"] == before["location"]


@pytest.fixture(scope="module")
def profiled_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbargoLab]:
    """A service with the profiles of a lab, whose `lab.Carney1999` (both kinds) is under embargo.

    It also serves the catalog `thief`, which lists the same hashes at locations that do not exist.
    """
    folder = tmp_path_factory.mktemp("profiled")
    catalog = make_lab(folder / "lab")
    card = next(catalog.parent.glob("cards/assembly/*Carney1999.json"))
    card.write_text(json.dumps(json.loads(card.read_text()) | {"status_reason": "Two channels are swapped."}))
    rows = [row for row in csv.DictReader(catalog.open(newline="")) if row["identifier"] == CARNEY]
    stolen = [row | {"location": f"s3://nowhere/{row['lookup_type']}", "card": "", "mirrors": ""} for row in rows]
    append_rows(folder / "thief.csv", stolen)
    url = f"sqlite:///{folder / 'service.db'}"
    for kind in ("stimulus_set", "assembly"):
        set_embargo(Database(url), ("lab", kind, CARNEY), today() + DAY)
    catalogs = f"{catalog},{folder / 'thief.csv'}"
    with serve(folder, catalogs, url, BRAINIO_SERVE_PROFILES="true") as lab:
        lab.service.wait_until(lambda: len([*(folder / "served").glob("profiles/*.sqlite")]) == 4, 240)
        lab.token = create_token(lab.database, ["lab:embargoed"], "")[1]
        lab.service.wait_until(lambda: lab.get_with_token(f"/api/v1/stimuli/lab/{CARNEY}").status_code == 200)
        yield lab


def test_a_catalog_that_copies_hashes_does_not_reveal_data_under_embargo(profiled_lab: EmbargoLab) -> None:
    page = f"/stimulus_set/thief/{CARNEY}"
    for path in (f"/api/v1/stimuli/thief/{CARNEY}", f"/thumbnail/thief/{CARNEY}?number=0"):
        assert profiled_lab.service.get(path).status_code == 404
    assert "GaborPatch" not in profiled_lab.service.get(page).text
    assert "not on this server" in profiled_lab.service.get(page).text
    assert "<svg" not in profiled_lab.main(f"/assembly/thief/{CARNEY}")
    assert "GaborPatch" in profiled_lab.get_with_token(page).text  # the token permits the data in every catalog


def test_a_catalog_that_copies_hashes_does_not_reveal_data_of_a_private_catalog(
    tmp_path: Path, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote catalog reveals nothing even if it names the locations of the private files."""
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "served"))
    catalog = make_lab(tmp_path / "lab")
    rows = [row for row in csv.DictReader(catalog.open(newline="")) if row["identifier"] == CARNEY]
    for folder, name, location in (
        (tmp_path, "thief", "s3://nowhere/{location}"),
        (tmp_path, "owner", f"{catalog.parent}/{{location}}"),
        (http_folder.folder, "far", f"{catalog.parent}/{{location}}"),
        (http_folder.folder, "farther", "{location}"),
    ):
        copies = [row | {"location": location.format(**row), "card": "", "mirrors": ""} for row in rows]
        append_rows(folder / f"{name}.csv", copies)
    for kind in ("stimulus_set", "assembly"):
        build_profile(demo(kind))  # its files have the same hashes
    far = [f"{http_folder.url}/{name}.csv" for name in ("far", "farther")]
    catalogs = ",".join(map(str, [catalog, tmp_path / "thief.csv", tmp_path / "owner.csv", *far]))
    private = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_ALLOW_PRIVATE": "1"}
    with serve(tmp_path, catalogs, f"sqlite:///{tmp_path / 'service.db'}", **private) as lab:
        lab.token = create_token(lab.database, ["lab:read"], "")[1]
        lab.service.wait_until(lambda: lab.get_with_token("/catalogs/lab").status_code == 200)
        for name in ("thief", "far", "farther"):
            stimuli = f"/api/v1/stimuli/{name}/{CARNEY}"
            for path in (stimuli, f"/thumbnail/{name}/{CARNEY}?number=0"):
                assert (path, lab.service.get(path).status_code) == (path, 404)
            page = f"/stimulus_set/{name}/{CARNEY}"
            assert "GaborPatch" not in lab.service.get(page).text
            assert "<svg" not in lab.main(f"/assembly/{name}/{CARNEY}")
            assert "GaborPatch" in lab.get_with_token(page).text  # the token permits the data in every catalog
            assert lab.get_with_token(stimuli).json()["total"] == 43
        # The author of a local catalog that names the files can read them anyway.
        assert lab.service.get(f"/api/v1/stimuli/owner/{CARNEY}").json()["total"] == 43


def test_an_embargo_does_not_hide_the_same_data_in_a_catalog_that_has_the_files(profiled_lab: EmbargoLab) -> None:
    """The catalog that ships with brainio contains the same files."""
    assert profiled_lab.service.get("/api/v1/stimuli/brainio_demo/modelfest.Carney1999").json()["total"] == 43
    assert profiled_lab.service.get("/thumbnail/brainio_demo/modelfest.Carney1999?number=0").status_code == 200


def test_the_card_of_an_entry_under_embargo_has_no_pictures(profiled_lab: EmbargoLab) -> None:
    for kind in ("stimulus_set", "assembly"):
        address = f"/api/v1/cards/lab/{kind}/{CARNEY}"
        rows = csv.DictReader(io.StringIO(profiled_lab.service.get("/catalogs/lab").text))
        location = next(
            row["card"] for row in rows if (row["identifier"], row["lookup_type"]) == (CARNEY, kind) and row["card"]
        )
        whole = profiled_lab.get_with_token(address).json()
        assert "pictures" in whole or any("histogram" in column for column in whole["columns"])
        for path in (address, f"/catalogs/lab/{location}"):
            card = profiled_lab.service.get(path).json()
            assert card["identifier"] == whole["identifier"]
            assert "pictures" not in card
            assert not any("histogram" in column for column in card.get("columns", []))
    page = f"/stimulus_set/lab/{CARNEY}"
    assert "<svg" not in profiled_lab.main(page)
    assert "<svg" in profiled_lab.get_with_token(page).text.partition("<main")[2]


def test_a_page_shows_both_the_status_reason_of_the_card_and_the_embargo(profiled_lab: EmbargoLab) -> None:
    page = profiled_lab.main(f"/assembly/lab/{CARNEY}")
    assert "Two channels are swapped." in page
    assert f"under embargo until {today() + DAY}" in page


def test_pages_show_that_the_visitor_is_signed_in_and_for_which_catalogs(profiled_lab: EmbargoLab) -> None:
    page = profiled_lab.get_with_token("/signin").text
    assert "a token for lab, including data under embargo in lab." in page
    authorization = f"Bearer {profiled_lab.token}"
    missing = profiled_lab.service.get("/assembly/lab/x", Accept="text/html", Authorization=authorization)
    assert (missing.status_code, "Signed in" in missing.text) == (404, True)
