"""DOIs are accepted in every form in which people write them, and have one stored form and one URL."""

import pytest

from brainio.dois import doi_of_url, doi_url, parse_doi

SICI = "10.1002/(sici)1097-0193(1997)5:4<272::aid-hbm8>3.0.co;2-1"


@pytest.mark.parametrize(
    "text",
    [
        "10.1016/j.neuron.2019.01.001",
        "10.1016/J.NEURON.2019.01.001",
        "  10.1016/j.neuron.2019.01.001\n",
        "\u00a010.1016/j.neuron.2019.01.001\u200b",
        "10.1016 / j.neuron.2019.01.001",
        "10.1016/j.neuron.2019.01.001.",
        "10.1016/j.neuron.2019.01.001;",
        "(doi: 10.1016/j.neuron.2019.01.001).",
        "<10.1016/j.neuron.2019.01.001>",
        '"10.1016/j.neuron.2019.01.001"',
        "doi:10.1016/j.neuron.2019.01.001",
        "DOI 10.1016/j.neuron.2019.01.001",
        "urn:doi:10.1016/j.neuron.2019.01.001",
        "info:doi/10.1016/j.neuron.2019.01.001",
        "doi:https://doi.org/10.1016/j.neuron.2019.01.001",
        "https://doi.org/10.1016/j.neuron.2019.01.001",
        "HTTPS://DOI.ORG/10.1016/J.NEURON.2019.01.001",
        "http://dx.doi.org/10.1016/j.neuron.2019.01.001",
        "https://www.doi.org/10.1016/j.neuron.2019.01.001/",
        "doi.org/10.1016/j.neuron.2019.01.001",
        "https://doi.org/https://doi.org/10.1016/j.neuron.2019.01.001",
        "https://doi.org/10.1016/j.neuron.2019.01.001?utm_source=feed#abstract",
        "https://doi.org/10.1016%2Fj.neuron.2019.01.001",
        "10.1016%2fj.neuron.2019.01.001",
    ],
)
def test_every_form_has_the_same_stored_form(text: str) -> None:
    assert parse_doi(text) == "10.1016/j.neuron.2019.01.001"


@pytest.mark.parametrize(
    "text",
    [
        "https://zenodo.org/record/4011278",
        "https://zenodo.org/records/4011278/files/a.zip?download=1",
        "zenodo.org/records/4011278#.XYZ",
        "https://zenodo.org/doi/10.5281/zenodo.4011278",
        "https://zenodo.org/badge/DOI/10.5281/zenodo.4011278.svg",
        "https://doi.org/10.5281/ZENODO.4011278",
    ],
)
def test_links_to_zenodo_name_the_doi_of_their_record(text: str) -> None:
    assert parse_doi(text) == "10.5281/zenodo.4011278"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("10.1016/S0896-6273(19)30001-2", "10.1016/s0896-6273(19)30001-2"),
        ("10.1002/(SICI)1097-0193(1997)5:4<272::AID-HBM8>3.0.CO;2-1", SICI),
        ("https://doi.org/10.1002/(SICI)1097-0193(1997)5:4%3C272::AID-HBM8%3E3.0.CO;2-1", SICI),
        ("10.1000.10/123", "10.1000.10/123"),
    ],
)
def test_characters_that_belong_to_a_doi_stay(text: str, stored: str) -> None:
    assert parse_doi(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1234", "10.1038", "10.1/x", "10.1038/", "doi:", "to appear", "10.1038/a b", "10.1038/x\0"),
        *("https://www.nature.com/articles/nn.3402", "https://zenodo.org/communities/lab", "10.1038/a and 10.1038/b"),
        "10.1038/" + "x" * 5000,
    ],
)
def test_other_texts_are_refused_with_the_expected_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a DOI such as '10\.1117/12\.348473' or 'https://doi\.org/"):
        parse_doi(text)


@pytest.mark.parametrize("stored", [SICI, "10.1016/j.neuron.2019.01.001", "10.1234/a#b?c%2fd"])
def test_a_doi_can_be_parsed_from_its_url(stored: str) -> None:
    assert doi_of_url(doi_url(stored)) == stored


@pytest.mark.parametrize("url", ["", "https://osf.io/zhvg7/", "https://doi.org/", "https://nature.com/doi/10.1038/x"])
def test_other_urls_name_no_doi(url: str) -> None:
    assert doi_of_url(url) == ""
