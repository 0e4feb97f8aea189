from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from nostr_sdk import LocalRelayBuilder

from tui.relay.server import RelayServer


class Difference(NamedTuple):
    what: str  # the independent relay does
    outcome: Any  # in place of the one that the test expects of a relay


# What nostr-sdk's LocalRelay does differently, by the name of the test that shows it.
DIFFERENCES = {
    # Answers
    "test_an_event_of_wrong_shape_is_refused_by_its_id": Difference(
        "answers with a NOTICE that names no event", ["NOTICE"]
    ),
    "test_an_older_event_changes_nothing": Difference(
        "gives no reason: `error: unknown`", (False, "error")
    ),
    "test_what_has_expired_is_refused": Difference("calls it blocked", (False, "blocked")),
    "test_protected_events_are_refused": Difference(
        "asks for authentication (NIP-42), which it has", (False, "auth-required")
    ),
    # Filters
    "test_a_prefix_is_refused": Difference("answers with a NOTICE", "NOTICE"),
    "test_a_filter_of_wrong_shape_is_refused": Difference("answers with a NOTICE", "NOTICE"),
    "test_a_count_that_cannot_be_is_closed": Difference("answers with a NOTICE", "NOTICE"),
    "test_an_empty_list_matches_nothing": Difference("takes an empty list for none", 1),
    "test_a_condition_nobody_knows_is_refused": Difference(
        "ignores the condition and sends everything", "EVENT"
    ),
    "test_an_empty_subscription_id_is_refused": Difference("accepts an empty id", "EOSE"),
    # Counts
    "test_a_count_of_alternatives_counts_each_event_once": Difference(
        "counts by the first filter only", 3
    ),
    "test_a_count_ignores_the_limit": Difference("counts up to the limit", 2),
    # Replacement
    "test_no_d_is_an_empty_one": Difference("refuses addressable events without a d", [""]),
    # Deletion
    "test_an_event_deleted_before_it_came_stays_away": Difference(
        "forgets deletions of events that it does not have", 1
    ),
    "test_the_event_of_somebody_else_stays": Difference("refuses the request itself", False),
    "test_the_address_of_somebody_else_stays": Difference("refuses the request itself", False),
    "test_an_address_is_deleted_up_to_the_request": Difference(
        "gives no reason: `error: unknown`", (False, "error")
    ),
    "test_an_address_may_hold_colons": Difference("finds no address with a colon in its d", 1),
    "test_a_deletion_cannot_be_deleted": Difference("deletes the deletion, not its effect", 0),
    # Information (NIP-11)
    "test_the_document_is_served_on_the_same_port": Difference(
        "has none: hangs up on plain HTTP", 0
    ),
    "test_a_browser_is_told_what_is_here": Difference("hangs up on plain HTTP", 0),
}


@pytest.fixture(params=["ours", "independent"])
async def relay(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of an empty relay."""
    if request.param == "ours":
        async with RelayServer() as server:
            yield server.url
    else:
        local = LocalRelayBuilder().build()
        await local.run()
        yield str(await local.url())
        local.shutdown()


@pytest.fixture
async def client(relay: str, dial: Callable[..., Awaitable[Any]]) -> Any:
    return await dial(relay)


@pytest.fixture
async def reader(relay: str, dial: Callable[..., Awaitable[Any]]) -> Any:
    """A second connection."""
    return await dial(relay)


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """The outcome that the standard asks for, or that of the independent relay if it differs."""
    difference = DIFFERENCES.get(request.node.originalname)

    def expected(standard: Any) -> Any:
        if difference is None or request.node.callspec.params["relay"] == "ours":
            return standard
        assert difference.outcome != standard, "this is no difference any more"
        return difference.outcome

    return expected


@pytest.fixture
def differences() -> dict[str, Difference]:
    return DIFFERENCES
