import time
from typing import Any

import pytest


async def test_what_has_expired_is_refused(
    client: Any, author: Any, now: int, expected: Any
) -> None:
    accepted, reason = await client.publish(author.event(tags=(("expiration", str(now - 1)),)))
    assert (accepted, reason.partition(":")[0]) == expected((False, "invalid"))
    assert await client.request({}) == []


async def test_what_expires_is_served_until_then(
    client: Any, author: Any, now: int, stop_watch: Any
) -> None:
    ends = now + 2
    event = author.event(tags=(("expiration", str(ends)),))
    assert await client.publish(event) == (True, "")
    assert await client.request({}) == [event]
    while stop_watch() and await client.request({}):
        pass
    assert time.time() >= ends


@pytest.mark.parametrize("value", ["", "never", "-1", "1e3", "٣", "9" * 30], ids=str)
async def test_an_expiration_that_is_no_time_is_none(client: Any, author: Any, value: str) -> None:
    event = author.event(tags=(("expiration", value),))
    assert await client.publish(event) == (True, "")
    assert await client.request({}) == [event]
