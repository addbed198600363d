"""The OpenAPI document is complete, and the service answers as documented."""

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
from tests.tiers import scaled_examples

EXISTING = {"catalog": "lab", "kind": "assembly", "part": "nc", "identifier": CARNEY}
# The document cannot list the valid cursors and values, nor describe the limit of the whole URL (414).
EXCLUDED_CHECKS = [positive_data_acceptance, negative_data_rejection]


@pytest.fixture(scope="module")
def service(
    module_database: str, lab_catalog: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A running service of the lab on either database."""
    settings = {"BRAINIO_CATALOGS": str(lab_catalog), "BRAINIO_SERVE_DATABASE": module_database}
    with ServiceProcess(tmp_path_factory.mktemp("home"), **settings) as running:
        yield running


@pytest.mark.slow(reason="sends hundreds of random requests")
def test_generated_requests_get_documented_answers(service: ServiceProcess) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/api/v1/openapi.json")
    results = list(schema.get_all_operations())
    operations = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(operations) == len(results) > 10
    for operation in operations:
        check_answers(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        with suppress(Unsatisfiable):  # the operation has no invalid requests
            check_answers(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))


def check_answers(cases: st.SearchStrategy[Case]) -> None:
    """Send the requests of a strategy, and compare every answer with the document."""

    @given(cases, st.booleans())
    @settings(
        max_examples=scaled_examples(60),
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Case, exists: bool) -> None:
        if exists:
            case.path_parameters.update({name: EXISTING[name] for name in case.path_parameters if name in EXISTING})
        case.call_and_validate(allow_redirects=False, excluded_checks=[*EXCLUDED_CHECKS])

    check()


def test_every_operation_documents_its_answers_and_errors(service: ServiceProcess) -> None:
    paths = service.get("/api/v1/openapi.json").json()["paths"]
    for path, methods in paths.items():
        assert list(methods) == ["get"]
        answers = methods["get"]["responses"]
        assert methods["get"]["description"].endswith(".")
        if path.startswith("/api/v1"):
            assert {"200", "400", "500"} <= set(answers)
            assert answers["400"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorResponse")
