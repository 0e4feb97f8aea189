import asyncio
import http.client
import json
from typing import Any
from urllib.parse import urlsplit


def fetch(url: str, accept: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/", headers={"Accept": accept})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read()
    except http.client.RemoteDisconnected:
        return 0, {}, b""
    finally:
        connection.close()


async def test_the_document_is_served_on_the_same_port(relay: str, expected: Any) -> None:
    status, headers, body = await asyncio.to_thread(fetch, relay, "application/nostr+json")
    assert status == expected(200)
    if status:
        document = json.loads(body)
        assert headers["content-type"] == "application/nostr+json"
        assert headers["access-control-allow-origin"] == "*"
        assert {1, 9, 11, 40, 45, 70} <= set(document["supported_nips"])
        assert document["limitation"]["auth_required"] is False


async def test_a_browser_is_told_what_is_here(relay: str, expected: Any) -> None:
    status, _, _ = await asyncio.to_thread(fetch, relay, "text/html")
    assert status == expected(426)
