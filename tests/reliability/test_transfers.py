"""Faulty transfers end with the correct bytes or with an error that explains the fault, and leave no bad bytes."""

import email.utils
import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from brainio.errors import IntegrityError, LocationError, TransferError
from tests.reliability.faults import answered, closed_early, cut, reset, stall, wrong_bytes
from tests.reliability.faulty_lab import ARCHIVE, CSV, TABLE, ZIP, FaultyLab, cached_archive, load
from tests.servers import HOST, Fault, closed_port

HALF = len(ARCHIVE) // 2
BREAKS: dict[str, Fault] = {
    "shorter than announced": cut(HALF),
    "reset": reset(HALF),
    "stalled": stall(HALF),
}


def always(fault: Fault) -> Iterator[Fault]:
    return itertools.repeat(fault)


def load_error(lab: FaultyLab, error: type[Exception], match: str) -> str:
    """Load the stimulus set, which must fail with an error that names it. Return the message."""
    with pytest.raises(error, match=match) as caught:
        load()
    assert "stimulus set 'lab.Doe2026' of catalog 'lab'" in str(caught.value)
    assert not [path for path in lab.files("content") if path.endswith(ZIP)]
    return str(caught.value)


def test_wrong_bytes_of_the_correct_size_are_an_error_and_not_cached(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = always(wrong_bytes)
    load_error(faulty_lab, IntegrityError, "unexpected bytes: expected sha1 .* found")
    assert faulty_lab.is_absent()
    faulty_lab.server.faults.clear()
    load()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
def test_a_broken_transfer_continues_at_the_byte_where_it_ended(faulty_lab: FaultyLab, fault: Fault) -> None:
    faulty_lab.server.faults[ZIP] = iter([fault])
    load()
    first, second = faulty_lab.gets()
    assert first == ""
    # A reset may discard received bytes that were not yet read.
    assert second.startswith("bytes=") or (second == "" and fault is BREAKS["reset"])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [cut(0), reset(0), stall(0)], ids=BREAKS)
def test_a_transfer_that_always_breaks_is_an_error_that_explains_the_fault(faulty_lab: FaultyLab, fault: Fault) -> None:
    faulty_lab.server.faults[ZIP] = always(fault)
    load_error(faulty_lab, TransferError, f"(?s){ZIP}.* (broke after|was cut short|did not answer).*[Tt]ry again")


def test_a_short_body_without_a_length_is_never_accepted(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = always(closed_early(HALF))
    load_error(faulty_lab, IntegrityError, "has unexpected bytes")
    assert faulty_lab.is_absent()
    faulty_lab.server.faults.clear()
    load()


@pytest.mark.usefixtures("impatient")
def test_the_next_get_continues_a_broken_transfer(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = itertools.chain([cut(HALF)], always(answered(404)))
    load_error(faulty_lab, TransferError, ZIP)
    faulty_lab.server.faults.clear()
    load()
    assert 0 < int(faulty_lab.gets()[-1].removeprefix("bytes=").removesuffix("-")) < HALF


def test_a_whole_file_in_response_to_a_range_request_gives_the_correct_bytes(
    faulty_lab: FaultyLab,
) -> None:
    faulty_lab.server.ranges = False
    faulty_lab.server.faults[ZIP] = iter([cut(HALF)])
    load()
    assert [bool(range_header) for range_header in faulty_lab.gets()] == [False, True]


def test_a_refused_connection_is_an_error_that_names_the_location(
    s3_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{closed_port()}")
    load_error(s3_lab, TransferError, "s3://lab-bucket/.*Check the network")


def test_a_refused_connection_over_http_is_an_error_that_names_the_location(http_lab: FaultyLab) -> None:
    text = http_lab.catalog.read_text().replace(http_lab.server.url, f"http://{HOST}:{closed_port()}")
    http_lab.catalog.write_text(text)
    load_error(http_lab, TransferError, rf"http://{HOST}:\d+/lab-bucket/{CSV} did not answer.*Check the location")


def test_an_unknown_host_is_an_error_that_names_it(
    s3_lab: FaultyLab, http_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
    load_error(s3_lab, TransferError, r"nowhere\.invalid")


def test_an_unknown_host_over_http_is_an_error_that_names_it(http_lab: FaultyLab) -> None:
    http_lab.catalog.write_text(http_lab.catalog.read_text().replace(http_lab.server.url, "http://nowhere.invalid"))
    load_error(http_lab, TransferError, r"nowhere\.invalid/lab-bucket/.* did not answer")


@pytest.mark.usefixtures("impatient")
def test_a_server_that_never_responds_is_a_timeout_error(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = always(stall(-1))
    load_error(faulty_lab, TransferError, f"(?s){ZIP}.*[Tt]imed? ?out")


@pytest.mark.parametrize(("status", "message_part"), [(403, "403"), (404, "no such"), (410, "410")])
def test_a_permanent_refusal_is_an_error_at_once_that_names_the_status(
    faulty_lab: FaultyLab, status: int, message_part: str
) -> None:
    faulty_lab.server.faults[ZIP] = always(answered(status))
    message = load_error(faulty_lab, TransferError, message_part)
    assert ZIP in message
    assert len(faulty_lab.gets()) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_temporary_server_failure_is_retried(faulty_lab: FaultyLab, status: int) -> None:
    faulty_lab.server.faults[ZIP] = iter([answered(status)])
    load()
    assert len(faulty_lab.gets()) == 2


@pytest.mark.parametrize("status", [500, 503])
def test_a_permanent_server_failure_is_an_error_with_its_status(faulty_lab: FaultyLab, status: int) -> None:
    faulty_lab.server.faults[ZIP] = always(answered(status))
    load_error(faulty_lab, TransferError, f"{status}.*Try again later")
    assert 2 < len(faulty_lab.gets()) < 6


def _in_two_seconds() -> str:
    return email.utils.formatdate(
        time.time() + 2, usegmt=True
    )  # dates have whole seconds, so one to two seconds remain


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [(lambda: "1", 1.0), (_in_two_seconds, 0.9), (lambda: "soon", 0.0)],
    ids=["seconds", "date", "garbage"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_waits_for_the_time_of_retry_after(
    http_lab: FaultyLab, status: int, retry_after: Callable[[], str], least: float
) -> None:
    http_lab.server.faults[ZIP] = iter([answered(status, {"Retry-After": retry_after()})])
    load()
    assert len(http_lab.gets()) == 2
    assert http_lab.server.times[-1] - http_lab.server.times[-2] >= least


def test_a_redirect_to_another_server_is_followed(http_lab: FaultyLab) -> None:
    http_lab.server.objects["lab-bucket", "elsewhere"] = ARCHIVE
    http_lab.server.faults[ZIP] = iter([answered(302, {"Location": f"{http_lab.server.url}/lab-bucket/elsewhere"})])
    load()
    assert http_lab.gets("elsewhere") == [""]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_another_scheme_is_refused(http_lab: FaultyLab, target: str) -> None:
    http_lab.server.faults[CSV] = always(answered(302, {"Location": target}))
    with pytest.raises((TransferError, LocationError), match=CSV):
        load()
    assert http_lab.is_absent(CSV)


def test_endless_redirects_are_an_error(http_lab: FaultyLab) -> None:
    again = f"{http_lab.server.url}/lab-bucket/{CSV}"
    http_lab.server.faults[CSV] = always(answered(302, {"Location": again}))
    load_error(http_lab, TransferError, "redirects")


def test_a_mirror_is_used_if_the_first_location_returns_wrong_bytes(faulty_lab: FaultyLab) -> None:
    lab = faulty_lab
    lab.server.faults[ZIP] = always(wrong_bytes)
    lab.server.objects["lab-bucket", "copy"] = ARCHIVE
    mirror = "s3://lab-bucket/copy" if lab.kind == "S3" else f"{lab.server.url}/lab-bucket/copy"
    lab.catalog.unlink()
    lab.publish(CSV, TABLE, "StimulusSet")
    lab.publish(ZIP, ARCHIVE, mirrors=mirror)
    load()
    assert cached_archive(lab.home).read_bytes() == ARCHIVE
