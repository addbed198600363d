"""Promises of the OpenAPI document: it is complete, and nothing that it allows makes the service fail."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.service.service_process import CARNEY, ServiceProcess

KNOWN = {"catalog": "lab", "kind": "assembly", "part": "nc", "identifier": CARNEY}
# The document cannot say which cursors and values there are, nor that what is too long altogether is a 414.
UNKNOWABLE = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def service(
    module_database: str, lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A running service of the lab on either database."""
    settings = {"BRAINIO_CATALOGS": str(lab_catalog), "BRAINIO_SERVE_DATABASE": module_database}
    with ServiceProcess(tmp_path_factory.mktemp("home"), **settings) as running:
        yield running


def test_whatever_is_asked_is_answered_as_the_document_says(service: ServiceProcess) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/api/v1/openapi.json")
    found = list(schema.get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found) > 10
    for operation in operations:
        ask(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        with suppress(Unsatisfiable):  # nothing that could be asked is wrong there
            ask(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def ask(cases: st.SearchStrategy[Case]) -> None:
    """Ask what a strategy says, and judge every answer by the document."""

    @given(cases, st.booleans())
    @settings(max_examples=30, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def asked(case: Case, is_known: bool) -> None:
        if is_known:
            case.path_parameters.update({one: KNOWN[one] for one in case.path_parameters if one in KNOWN})
        case.call_and_validate(allow_redirects=False, excluded_checks=[*UNKNOWABLE])

    asked()


def test_every_resource_says_what_it_answers_and_which_errors(service: ServiceProcess) -> None:
    paths = service.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        assert list(methods) == ["get"]
        answers = methods["get"]["responses"]
        assert methods["get"]["description"].endswith(".")
        if path.startswith("/api/v1"):
            assert {"200", "400", "500"} <= set(answers)
            assert answers["400"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorResponse")
