"""What the open data promises in its own OpenAPI document holds, whatever anybody asks (schemathesis)."""

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from config.wsgi import application
from tests import factories

pytestmark = pytest.mark.django_db
# Which ids there are a document cannot say, nor how many words a text has.
NOT_PROMISED = [positive_data_acceptance]
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def test_every_answer_is_as_promised() -> None:
    factories.entry("service", title="A visitors' centre")
    document = schemathesis.openapi.from_wsgi("/openreferral/openapi.json", application)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 7
    for operation in operations:

        @EXAMPLES
        @given(operation.as_strategy())
        def ask(case: Case) -> None:
            case.call_and_validate(excluded_checks=NOT_PROMISED)

        ask()
