import pytest

from tui.nostr.url import InvalidRelayUrl, is_loopback, is_private, relay_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ws://127.0.0.1:7777", "ws://127.0.0.1:7777"),
        ("WSS://Relay.Example.COM/", "wss://relay.example.com"),
        (" wss://relay.example.com:443 ", "wss://relay.example.com"),
        ("ws://relay.example.com:80/", "ws://relay.example.com"),
        ("wss://relay.example.com:80/Path/?a=B", "wss://relay.example.com:80/Path/?a=B"),
        ("ws://[::1]:80", "ws://[::1]"),
        ("ws://[2001:DB8::1]:8080/", "ws://[2001:db8::1]:8080"),
    ],
)
def test_one_relay_has_one_address(text: str, url: str) -> None:
    assert relay_url(text) == url
    assert relay_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "relay.example.com",
        "https://relay.example.com",
        "ws://",
        "ws:///path",
        "wss://user:password@relay.example.com",
        "wss://relay.example.com/#x",
        "wss://relay.example.com:port",
        "wss://relay.example.com:70000",
        "wss://rel\u0430y.example.com",
        "wss://relay.exa\nmple.com",
        "wss://a b",
        "ws://[::1",
        "wss://" + "a" * 300,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRelayUrl):
        relay_url(text)


def test_loopback() -> None:
    for url in ("ws://127.0.0.1:1", "ws://127.9.9.9", "ws://[::1]:1", "wss://localhost"):
        assert is_loopback(url)
    for url in ("ws://10.0.0.1", "ws://localhost.example.com", "ws://[fe80::1]", "ws://0.0.0.0"):
        assert not is_loopback(url)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("wss://relay.example.com", False),
        ("wss://relay.example.com.", False),
        ("wss://8.8.8.8:7777", False),
        ("wss://[2606:4700::1]", False),
        ("ws://localhost:7777", True),
        ("ws://localhost.", True),
        ("ws://127.0.0.1", True),
        ("ws://127.1", True),
        ("ws://0x7f.1", True),
        ("ws://2130706433", True),
        ("ws://192.168.1.5:7777", True),
        ("ws://10.0.0.1", True),
        ("ws://169.254.169.254", True),
        ("ws://[::1]", True),
        ("ws://[fe80::1]", True),
        ("ws://[::ffff:127.0.0.1]", True),
        ("ws://router", True),
        ("ws://printer.local", True),
        ("ws://db.internal", True),
        ("ws://0.0.0.0", True),
    ],
)
def test_what_is_of_a_private_network(url: str, private: bool) -> None:
    assert is_private(relay_url(url)) is private
