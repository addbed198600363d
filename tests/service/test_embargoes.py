"""Promises of an embargo: all is said of an entry, and its bytes are had by nobody without the right, until it ends."""

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
from tests.service.test_change_log import told

KEY = ("lab", "stimulus_set", CARNEY)
ENTRY = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
FILE = f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}"
PATH = "/catalogs/lab/files/stimulus_modelfest_Carney1999.zip"
DAY = timedelta(days=1)


class Embargoed:
    """A service of a lab, its database, and how it is asked."""

    def __init__(self, service: ServiceProcess, database: Database) -> None:
        self.service, self.database = service, database
        self.token = ""

    def ask(self, path: str) -> httpx.Response:
        """Ask as who may have what is under embargo."""
        return self.service.get(path, Authorization=f"Bearer {self.token}")

    def main(self, path: str) -> str:
        """Return the content of a page as everybody sees it."""
        return self.service.get(path).text.partition("<main")[2]

    def entry(self) -> dict[str, object]:
        answer: dict[str, object] = self.service.get(ENTRY).json()
        return answer

    def begins(self, until: date | None = None) -> None:
        """Set the embargo, and wait until the entry says so."""
        last = until or today() + DAY
        set_embargo(self.database, KEY, last)
        self.service.eventually(lambda: self.entry()["embargo"] == last.isoformat())

    def row(self) -> dict[str, str]:
        """Return the row of the archive in the served form."""
        rows = csv.DictReader(io.StringIO(self.service.get("/catalogs/lab").text))
        return next(row for row in rows if row["identifier"] == CARNEY and not row["class"])


@pytest.fixture
def lab(tmp_path: Path, flow_database: str) -> Iterator[Embargoed]:
    """A service of a lab that keeps what it keeps in either database."""
    with serving(tmp_path, make_lab(tmp_path / "lab"), flow_database) as lab:
        yield lab


@contextmanager
def serving(folder: Path, catalog: Path | str, database: str, **environment: str) -> Iterator[Embargoed]:
    environment |= {"BRAINIO_CATALOGS": str(catalog), "BRAINIO_SERVE_DATABASE": database}
    with ServiceProcess(folder / "served", **environment) as service:
        yield Embargoed(service, Database(database))


def test_no_way_leads_to_bytes_under_embargo_and_metadata_stay(lab: Embargoed) -> None:
    service = lab.service
    before, csv_before = lab.entry(), service.get("/catalogs/lab")
    free = service.get(FILE)
    assert (free.status_code, before["embargo"]) == (200, None)
    lab.begins(today() + DAY)
    after = lab.entry()
    ways = [FILE, PATH, f"/catalogs/lab/{lab.row()['location']}", FILE.replace("/zip/", "/csv/")]
    for way in ways:
        for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": free.headers["etag"]}, {"If-None-Match": "*"}):
            answer = service.client.get(way, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "embargoed")
            assert f"until the end of {today() + DAY}" in answer.json()["error"]["message"]
            assert "lab:embargoed" in answer.json()["error"]["hint"]
            assert answer.headers["cache-control"] == "no-store"
        assert service.client.head(way).status_code == 403
    kept = ("identifier", "license", "publications", "card", "used_by", "stimulus_set_identifier")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    hashes = [[one["sha256"] for one in record["files"]] for record in (before, after)]  # type: ignore[attr-defined]
    assert hashes[0] == hashes[1]
    assert service.get(str(after["card"])).status_code == 200
    assert lab.row()["location"].startswith("by-key/")
    assert lab.row()["sha1"]
    assert service.get("/catalogs/lab").headers["etag"] != csv_before.headers["etag"]
    assert service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}").status_code == 200  # the data of others are free


def test_an_embargo_is_lifted_and_all_is_as_before(lab: Embargoed) -> None:
    before = [lab.service.get(path).text for path in (ENTRY, "/catalogs/lab", "/api/v1/catalogs/lab")]
    lab.begins()
    assert lab.service.get("/api/v1/catalogs/lab").text != before[2]
    lift_embargo(lab.database, KEY)
    lab.service.eventually(lambda: lab.entry()["embargo"] is None)
    assert [lab.service.get(path).text for path in (ENTRY, "/catalogs/lab", "/api/v1/catalogs/lab")] == before
    assert lab.service.get(FILE).status_code == 200
    with pytest.raises(ServiceError, match="is not under embargo"):
        lift_embargo(lab.database, KEY)


def test_an_embargo_that_is_over_withholds_nothing(lab: Embargoed) -> None:
    lab.begins()
    set_embargo(lab.database, KEY, today() - DAY)
    lab.service.eventually(lambda: lab.entry()["embargo"] is None)
    assert lab.service.get(FILE).status_code == 200
    assert [one.is_over for one in list_embargoes(lab.database)] == [True]


def test_changes_tell_when_an_embargo_begins_and_ends(lab: Embargoed) -> None:
    cursor = lab.service.get("/api/v1/catalogs/lab/changes").json()["cursor"]
    lab.begins()
    expected = [("changed", "stimulus_set", CARNEY)]
    lab.service.eventually(lambda: told(lab.service, cursor)[0])
    changes, after = told(lab.service, cursor)
    assert changes == expected
    set_embargo(lab.database, KEY, today() - DAY)
    lab.service.eventually(lambda: told(lab.service, after)[0])
    assert told(lab.service, after)[0] == expected


def test_whoever_has_the_right_has_the_bytes_and_others_with_tokens_have_not(lab: Embargoed) -> None:
    _, right = create_token(lab.database, ["lab:embargoed"], "")
    strangers = [
        create_token(lab.database, [scope], "")[1] for scope in ("lab:read", "*:read", "brainio_demo:embargoed")
    ]
    lab.begins()

    def ask(token: str, path: str = FILE) -> httpx.Response:
        return lab.service.get(path, Authorization=f"Bearer {token}")

    lab.service.eventually(lambda: ask(right).status_code == 200)
    assert ask(right).headers["cache-control"] == "private, no-store"
    assert ask(right, f"/catalogs/lab/{lab.row()['location']}").content == ask(right).content
    assert [ask(token).status_code for token in strangers] == [403, 403, 403]


def test_all_versions_are_withheld_and_no_location_is_told(tmp_path: Path, moto_s3: MotoS3) -> None:
    moto_s3.create_bucket("lab-private")
    moto_s3.put("lab-private", "secret-place.nc", b"bytes")
    row = {"identifier": "lab.V", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    row |= {"sha1": "", "stimulus_set_identifier": "", "mirrors": "https://lab.example/secret-place.nc"}
    append_rows(tmp_path / "lab.csv", [row | {"version": "1", "location": "s3://lab-open/secret-place.nc"}])
    append_rows(tmp_path / "lab.csv", [row | {"version": "2", "location": "s3://lab-private/secret-place.nc"}])
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.V"), today() + DAY)
    _, right = create_token(Database(url), ["lab:embargoed"], "")
    environment = moto_s3.environment | {"BRAINIO_SERVE_SIGNED_BUCKETS": "lab-private"}
    with serving(tmp_path, tmp_path / "lab.csv", url, **environment) as lab:
        ask = lab.service.get
        paths = ["/api/v1/entries/lab/assembly/lab.V", "/api/v1/history/lab/assembly/lab.V", "/catalogs/lab"]
        answers = [ask(path) for path in paths]
        files = [f"/api/v1/files/lab/assembly/nc/lab.V?version={version}" for version in (1, 2)]
        answers += [ask(path) for path in files]
        signed = ask(files[1], Authorization=f"Bearer {right}")
    assert [one.status_code for one in answers] == [200, 200, 200, 403, 403]
    assert not any("secret-place" in one.text + str(one.headers) for one in answers)
    assert all(one["files"][0]["location"] is None for one in answers[1].json()["versions"])
    assert "Signature" in signed.headers["location"]


def test_get_assembly_says_that_the_bytes_are_refused_and_has_them_with_the_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", CARNEY), today() + DAY)
    _, right = create_token(Database(url), ["lab:embargoed"], "")
    with serving(tmp_path, make_lab(tmp_path / "lab"), url) as lab:
        monkeypatch.setenv("BRAINIO_CATALOGS", f"{lab.service.url}/catalogs/lab")
        with pytest.raises(TransferError, match="HTTP 403"):
            brainio.get_assembly(CARNEY)
        assert brainio.get_assembly(ROKEM).attrs["identifier"]
        host = lab.service.url.removeprefix("http://")
        monkeypatch.setenv("BRAINIO_CATALOGS", f"http://me:{right}@{host}/catalogs/lab")
        assert brainio.get_assembly(CARNEY).shape


def test_commands_set_list_and_lift(flow_database: str, tmp_path: Path) -> None:
    here = {"BRAINIO_SERVE_DATABASE": flow_database, "BRAINIO_CATALOGS": str(make_lab(tmp_path / "lab"))}
    last = (today() + DAY).isoformat()
    done = command("embargo", "set", *KEY, "--until", last, "--note", "review", **here)
    assert (done.returncode, f"until the end of {last}, UTC" in done.stderr) == (0, True)
    unlisted = command("embargo", "set", "lab", "assembly", "lab.Later", "--until", last, **here)
    assert (unlisted.returncode, "lists no assembly 'lab.Later' yet" in unlisted.stderr) == (0, True)
    elsewhere = command("embargo", "set", "afar", "assembly", "x", "--until", last, **here)
    assert (elsewhere.returncode, "was not checked" in elsewhere.stderr) == (0, True)
    records = json.loads(command("embargo", "list", "--json", **here).stdout)
    noted = [(one["identifier"], one["until"], one["state"]) for one in records if one["note"]]
    assert noted == [(CARNEY, last, "holds")]
    assert "review" in command("embargo", "list", **here).stdout
    assert command("embargo", "lift", *KEY, **here).returncode == 0
    assert command("embargo", "lift", *KEY, **here).returncode == 1
    for until in ("2020-01-01", "soon", "2027-02-30"):
        assert command("embargo", "set", *KEY, "--until", until, **here).returncode == 2


def test_an_embargo_by_an_alias_holds(tmp_path: Path) -> None:
    row = {"identifier": "lab.A", "lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": ""}
    row |= {"location": "a.nc", "sha1": "", "stimulus_set_identifier": "", "aliases": "lab.Old"}
    append_rows(tmp_path / "lab.csv", [row])
    here = {"BRAINIO_HOME": str(tmp_path / "served"), "BRAINIO_CATALOGS": str(tmp_path / "lab.csv")}
    done = command("embargo", "set", "lab", "assembly", "lab.Old", "--until", today().isoformat(), **here)
    assert "'lab.A'" in done.stderr
    lifted = command("embargo", "lift", "lab", "assembly", "lab.Old", **here)
    assert (lifted.returncode, "'lab.A'" in lifted.stderr) == (0, True)
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.Old"), today())  # as before it was listed
    done = command("embargo", "lift", "lab", "assembly", "lab.A", "--database", url, **here)
    assert (done.returncode, list_embargoes(Database(url))) == (0, [])
    embargoes = Embargoes({("lab", "assembly", "lab.Old"): today()})
    assert embargoes.withholds(Entry("lab", "assembly", "lab.A", (), aliases=("lab.Old",)))


def test_a_path_that_a_free_entry_lists_as_well_stays_free(tmp_path: Path) -> None:
    (tmp_path / "shared.nc").write_bytes(b"bytes")
    row = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "", "location": "shared.nc"}
    row |= {"sha1": "", "stimulus_set_identifier": ""}
    append_rows(tmp_path / "lab.csv", [row | {"identifier": name} for name in ("lab.Free", "lab.Withheld")])
    url = f"sqlite:///{tmp_path / 'service.db'}"
    set_embargo(Database(url), ("lab", "assembly", "lab.Withheld"), today() + DAY)
    with serving(tmp_path, tmp_path / "lab.csv", url) as lab:
        assert lab.service.get("/catalogs/lab/shared.nc").content == b"bytes"
        assert lab.service.get("/api/v1/files/lab/assembly/nc/lab.Withheld").status_code == 403


@given(st.dictionaries(st.sampled_from("abc"), st.integers(-3, 3), max_size=3), st.sampled_from("abcd"))
def test_an_entry_is_withheld_through_its_last_day(days: dict[str, int], name: str) -> None:
    embargoes = Embargoes({("lab", "assembly", one): today() + offset * DAY for one, offset in days.items()})
    entry = Entry("lab", "assembly", name, ())
    assert embargoes.withholds(entry) == (days.get(name, -1) >= 0)
    active = embargoes.active_in("lab")
    assert active is not None
    assert (name in {identifier for _, identifier, _ in active}) == embargoes.withholds(entry)
    assert embargoes.active_in("other") == frozenset()


def test_an_embargo_begins_and_ends_while_its_catalog_cannot_be_read(tmp_path: Path) -> None:
    catalog = make_lab(tmp_path / "lab")
    with serving(tmp_path, catalog, f"sqlite:///{tmp_path / 'service.db'}") as lab:
        stimuli = f"/api/v1/stimuli/lab/{CARNEY}"
        before = lab.row()
        assert lab.service.get(stimuli).status_code == 404  # of which no profile was made
        moved = catalog.rename(tmp_path / "away.csv")
        lab.service.eventually(lambda: lab.service.get("/healthz").json()["catalogs"]["stale"] == 1)
        lab.begins()
        assert lab.service.get(stimuli).status_code == 403
        assert lab.row()["location"].startswith("by-key/")
        lift_embargo(lab.database, KEY)
        lab.service.eventually(lambda: lab.entry()["embargo"] is None)
        assert lab.service.get(stimuli).status_code == 404
        assert lab.row()["location"] == before["location"]
        moved.rename(catalog)
        lab.service.eventually(lambda: lab.service.get("/healthz").json()["catalogs"]["stale"] == 0)
        assert lab.row()["location"] == before["location"]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embargoed]:
    """A service that made the profiles of a lab, and has a catalog beside it that lists the same bytes nowhere.

    Both of `lab.Carney1999` are under embargo.
    """
    folder = tmp_path_factory.mktemp("shown")
    catalog = make_lab(folder / "lab")
    card = next(catalog.parent.glob("cards/assembly/*Carney1999.json"))
    card.write_text(json.dumps(json.loads(card.read_text()) | {"status_reason": "Two channels are swapped."}))
    rows = [row for row in csv.DictReader(catalog.open(newline="")) if row["identifier"] == CARNEY]
    nowhere = [row | {"location": f"s3://nowhere/{row['lookup_type']}", "card": "", "mirrors": ""} for row in rows]
    append_rows(folder / "thief.csv", nowhere)
    url = f"sqlite:///{folder / 'service.db'}"
    for kind in ("stimulus_set", "assembly"):
        set_embargo(Database(url), ("lab", kind, CARNEY), today() + DAY)
    catalogs = f"{catalog},{folder / 'thief.csv'}"
    with serving(folder, catalogs, url, BRAINIO_SERVE_PROFILES="true") as lab:
        lab.service.eventually(lambda: len([*(folder / "served").glob("profiles/*.sqlite")]) == 4, 240)
        lab.token = create_token(lab.database, ["lab:embargoed"], "")[1]
        lab.service.eventually(lambda: lab.ask(f"/api/v1/stimuli/lab/{CARNEY}").status_code == 200)
        yield lab


def test_whoever_lists_hashes_alone_is_shown_nothing_of_data_under_embargo(shown: Embargoed) -> None:
    page = f"/stimulus_set/thief/{CARNEY}"
    for path in (f"/api/v1/stimuli/thief/{CARNEY}", f"/thumbnail/thief/{CARNEY}?number=0"):
        assert shown.service.get(path).status_code == 404
    assert "GaborPatch" not in shown.service.get(page).text
    assert "not on this server" in shown.service.get(page).text
    assert "<svg" not in shown.main(f"/assembly/thief/{CARNEY}")
    assert "GaborPatch" in shown.ask(page).text  # who may have the bytes may see them anywhere


def test_whoever_lists_hashes_of_a_private_catalog_is_shown_nothing_of_its_data(
    tmp_path: Path, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the hashes come from the network, whatever place is named there: that of the files as well."""
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "served"))
    catalog = make_lab(tmp_path / "lab")
    rows = [row for row in csv.DictReader(catalog.open(newline="")) if row["identifier"] == CARNEY]
    for folder, name, place in (
        (tmp_path, "thief", "s3://nowhere/{location}"),
        (tmp_path, "owner", f"{catalog.parent}/{{location}}"),
        (http_folder.folder, "far", f"{catalog.parent}/{{location}}"),
        (http_folder.folder, "farther", "{location}"),
    ):
        named = [row | {"location": place.format(**row), "card": "", "mirrors": ""} for row in rows]
        append_rows(folder / f"{name}.csv", named)
    for kind in ("stimulus_set", "assembly"):
        build_profile(demo(kind))  # of the same bytes
    far = [f"{http_folder.url}/{name}.csv" for name in ("far", "farther")]
    catalogs = ",".join(map(str, [catalog, tmp_path / "thief.csv", tmp_path / "owner.csv", *far]))
    private = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_ALLOW_PRIVATE": "1"}
    with serving(tmp_path, catalogs, f"sqlite:///{tmp_path / 'service.db'}", **private) as lab:
        lab.token = create_token(lab.database, ["lab:read"], "")[1]
        lab.service.eventually(lambda: lab.ask("/catalogs/lab").status_code == 200)
        for name in ("thief", "far", "farther"):
            stimuli = f"/api/v1/stimuli/{name}/{CARNEY}"
            for path in (stimuli, f"/thumbnail/{name}/{CARNEY}?number=0"):
                assert (path, lab.service.get(path).status_code) == (path, 404)
            page = f"/stimulus_set/{name}/{CARNEY}"
            assert "GaborPatch" not in lab.service.get(page).text
            assert "<svg" not in lab.main(f"/assembly/{name}/{CARNEY}")
            assert "GaborPatch" in lab.ask(page).text  # who may see the private catalog may see them anywhere
            assert lab.ask(stimuli).json()["total"] == 43
        # Who wrote a catalog on this machine that names the files themselves can read them.
        assert lab.service.get(f"/api/v1/stimuli/owner/{CARNEY}").json()["total"] == 43


def test_entries_whose_own_place_gives_the_bytes_are_shown_all_the_same(shown: Embargoed) -> None:
    """The catalog that ships with brainio lists the same files, and has them."""
    assert shown.service.get("/api/v1/stimuli/brainio_demo/modelfest.Carney1999").json()["total"] == 43
    assert shown.service.get("/thumbnail/brainio_demo/modelfest.Carney1999?number=0").status_code == 200


def test_a_card_under_embargo_is_without_pictures(shown: Embargoed) -> None:
    for kind in ("stimulus_set", "assembly"):
        address = f"/api/v1/cards/lab/{kind}/{CARNEY}"
        rows = csv.DictReader(io.StringIO(shown.service.get("/catalogs/lab").text))
        beside = next(
            row["card"] for row in rows if (row["identifier"], row["lookup_type"]) == (CARNEY, kind) and row["card"]
        )
        whole = shown.ask(address).json()
        assert "pictures" in whole or any("histogram" in one for one in whole["columns"])
        for path in (address, f"/catalogs/lab/{beside}"):
            told = shown.service.get(path).json()
            assert told["identifier"] == whole["identifier"]
            assert "pictures" not in told
            assert not any("histogram" in one for one in told.get("columns", []))
    page = f"/stimulus_set/lab/{CARNEY}"
    assert ("<svg" in shown.main(page), "<svg" in shown.ask(page).text.partition("<main")[2]) == (False, True)


def test_an_embargo_is_told_beside_what_a_card_says_of_the_status(shown: Embargoed) -> None:
    page = shown.main(f"/assembly/lab/{CARNEY}")
    assert "Two channels are swapped." in page
    assert f"under embargo until {today() + DAY}" in page


def test_whoever_signed_in_is_told_what_is_open_on_every_page(shown: Embargoed) -> None:
    page = shown.ask("/signin").text
    assert "a token for lab, including data under embargo of lab." in page
    missing = shown.service.get("/assembly/lab/x", Accept="text/html", Authorization=f"Bearer {shown.token}")
    assert (missing.status_code, "Signed in" in missing.text) == (404, True)
