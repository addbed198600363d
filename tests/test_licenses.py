"""Licences are SPDX expressions in canonical case or `LicenseRef-` names; others are refused with the nearest ones."""

import subprocess
import sys

import pytest

from brainio.licenses import COMMON, is_license, nearest_licenses, parse_license


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("cc-by-4.0", "CC-BY-4.0"),
        (" CC0-1.0\n", "CC0-1.0"),
        ("gpl-3.0-or-later", "GPL-3.0-or-later"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("(MIT and BSD-3-Clause) OR cc-by-4.0", "(MIT AND BSD-3-Clause) OR CC-BY-4.0"),
        ("gpl-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("licenseref-NSD-terms", "LicenseRef-NSD-terms"),
        ("MIT AND LicenseRef-lab.1", "MIT AND LicenseRef-lab.1"),
    ],
)
def test_expressions_get_their_canonical_case(text: str, canonical: str) -> None:
    assert parse_license(text) == canonical == parse_license(canonical)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("do what you like", "CC-BY-4.0"),
        ("CC BY 3.0", "CC-BY-3.0"),
        ("CC-BY", "CC-BY-4.0"),
        ("CC-BY-4.1", "CC-BY-4.0"),
        ("GPL v3", "GPL-3.0-only"),
        ("Apache 2", "Apache-2.0"),
        ("MIT License", "MIT"),
        ("MIT AND", "MIT"),
        ("", "CC0-1.0"),
    ],
)
def test_other_texts_are_refused_with_the_nearest_choices(text: str, choice: str) -> None:
    assert not is_license(text)
    with pytest.raises(ValueError, match=r"expected an SPDX expression such as .*'LicenseRef-") as caught:
        parse_license(text)
    assert repr(choice) in str(caught.value)


@pytest.mark.parametrize("text", ["LicenseRef-two words", "LicenseRef-", "LicenseRef-a/b", "x" * 5000, "(" * 500])
def test_malformed_names_are_refused(text: str) -> None:
    assert not is_license(text)
    assert all(map(is_license, nearest_licenses(text)))


def test_every_offered_choice_is_valid() -> None:
    assert [parse_license(name) for name in COMMON] == list(COMMON)


def test_the_list_of_licences_is_read_on_demand() -> None:
    code = "import sys, brainio.licenses, brainio.cards.facts; print('packaging.licenses' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
