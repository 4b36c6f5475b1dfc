"""What schemathesis needs to be told to make cases for these services: forms of text that it does not know, and what no document
can say. Loaded by hostile.py."""

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

ZONES = ["Europe/Paris", "America/Sao_Paulo", "Asia/Kolkata", "Africa/Lagos", "UTC", "Pacific/Auckland"]
schemathesis.openapi.format("iana-time-zone", st.sampled_from(ZONES))
schemathesis.openapi.format("local-date-time", st.datetimes().map(lambda time: time.isoformat(timespec="seconds")))


@schemathesis.hook
def map_case(context, case):
    """Takes out of good data what is good only beside something else, which OpenAPI cannot say."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE or not case.query:
        return case
    # A cursor is good for one list of one tenant, and no text that is made up is one.
    case.query.pop("cursor", None)
    if case.operation.path == "/api/v1/search":
        # A facet is good for the kinds that have it.
        case.query.pop("type", None)
    if case.operation.path.startswith("/api/v1/metrics/"):
        # The last day is not before the first, nor years after it.
        case.query.pop("to", None)
        case.query.pop("from", None)
    return case
