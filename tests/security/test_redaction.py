"""Messages show no secrets of URLs, and private addresses are recognized in every form."""

import string
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.stores import parse_location
from brainio.stores.http_sessions import allows_private, is_public
from brainio.stores.redaction import redact

SECRET = st.text(string.ascii_letters + string.digits + "!$*+=~-._:,@", min_size=1, max_size=30).map("S3CR3T".__add__)
NAMES = ["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "token", "access_token", "sig", "key", "q"]


@given(SECRET, SECRET, st.sampled_from(NAMES), st.sampled_from(["https", "http", "ftp", "sftp"]))
def test_no_secret_of_a_url_is_shown(password: str, value: str, name: str, scheme: str) -> None:
    url = f"{scheme}://me:{password}@lab.org:8080/data/a.csv?part=1&{name}={value}"
    for text in (url, f"could not get '{url}' (twice)", f"with url: /data/a.csv?part=1&{name}={value} (Caused by"):
        assert "S3CR3T" not in redact(text)
        assert "/data/a.csv?" in redact(text)
        assert "me" not in redact(url).split("/data")[0].removeprefix("https://").split(".")[0]


@given(SECRET)
def test_no_secret_of_a_location_is_shown(password: str) -> None:
    location = parse_location(f"https://me:{password}@lab.org/a.csv?q={password}", base="https://lab.org/x")
    for shown in (str(location), repr(location), f"{location}"):
        assert "S3CR3T" not in shown
        assert "lab.org/a.csv" in shown
    assert "S3CR3T" in location.url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://lab.org/a.csv", "https://lab.org/a.csv"),
        ("https://lab.org:8080/a@b.csv", "https://lab.org:8080/a@b.csv"),
        ("https://me@lab.org/a.csv", "https://lab.org/a.csv"),
        ("https://me:pa/ss@lab.org/a.csv", "https://lab.org/a.csv"),
        ("https://me:a@b@lab.org/a.csv", "https://lab.org/a.csv"),
        ("https://lab.org/a.csv?QWxhZGRpbg==", "https://lab.org/a.csv?..."),
        ("https://lab.org/a.csv#token=1", "https://lab.org/a.csv#token=..."),
        ("Is it there? Yes: ask me@lab.org", "Is it there? Yes: ask me@lab.org"),
    ],
)
def test_only_secrets_of_a_url_are_redacted(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "198.18.0.1", "192.0.2.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2002:7f00:1::", "2002:808:808::"),
        *("64:ff9b::169.254.169.254", "64:ff9b::10.0.0.1", "2001:0:7f00:1::1", "64:ff9b:1::1"),
    ],
)
def test_private_addresses_are_recognized_in_every_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "52.216.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "172.32.0.1"]
)
def test_public_addresses_are_recognized(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_ipv4_address_in_ipv6_form_is_classified_alike(address: IPv4Address) -> None:
    private = [ip_network(net) for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    assert not (is_public(str(address)) and any(address in net for net in private))
    for form in (int(address) | 0xFFFF << 32, int(address) | 0x64FF9B << 96):
        assert is_public(str(IPv6Address(form))) == is_public(str(address))


@pytest.mark.parametrize(("value", "allowed"), [("1", True), ("yes", True), ("0", False), ("", False), ("No", False)])
def test_an_environment_variable_allows_private_addresses(
    monkeypatch: pytest.MonkeyPatch, value: str, allowed: bool
) -> None:
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", value)
    assert allows_private() is allowed
