import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.rtc.ice import InvalidCandidate, needs_lookup, parse_candidate

HOST = "candidate:842163049 1 udp 1677729535 192.0.2.7 3478 typ host"


def test_the_forms_that_others_write() -> None:
    for text in (
        HOST,
        "a=" + HOST,
        HOST.removeprefix("candidate:"),
        HOST.replace("udp", "UDP"),
        HOST + " generation 0 ufrag EsAw network-id 1",
    ):
        candidate = parse_candidate(text, loopback=False)
        assert (candidate.host, candidate.port, candidate.type) == ("192.0.2.7", 3478, "host")
        assert not needs_lookup(candidate)


def test_reflexive_relayed_and_ipv6() -> None:
    reflexive = HOST.replace("host", "srflx raddr 10.0.0.1 rport 9")
    assert parse_candidate(reflexive, loopback=False).type == "srflx"
    relayed = HOST.replace("host", "relay").replace("192.0.2.7", "2001:db8::1")
    assert parse_candidate(relayed, loopback=False).host == "2001:db8::1"


def test_a_name_of_the_local_network_is_told_apart() -> None:
    name = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local"
    assert needs_lookup(parse_candidate(HOST.replace("192.0.2.7", name), loopback=False))


def test_this_machine_only_when_all_are_on_it() -> None:
    local = HOST.replace("192.0.2.7", "127.0.0.1")
    assert parse_candidate(local, loopback=True).host == "127.0.0.1"
    with pytest.raises(InvalidCandidate):
        parse_candidate(local, loopback=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        HOST.replace("udp", "tcp"),
        HOST.replace(" 1 udp", " 2 udp"),
        HOST.replace("192.0.2.7", "example.com"),
        HOST.replace("192.0.2.7", "a.b.local"),
        HOST.replace("192.0.2.7", "0.0.0.0"),
        HOST.replace("192.0.2.7", "224.0.0.251"),
        HOST.replace("192.0.2.7", "ff02::fb"),
        HOST.replace("192.0.2.7", "fe80::1%eth0"),
        HOST.replace("3478", "0"),
        HOST.replace("3478", "65536"),
        HOST.replace("1677729535", "4294967296"),
        HOST.replace("host", "prflx"),
        HOST + " " + "x" * 500,
        HOST + "\r\na=setup:active",
    ],
)
def test_what_we_will_not_use(text: str) -> None:
    with pytest.raises(InvalidCandidate):
        parse_candidate(text, loopback=False)


@given(st.text(max_size=200) | st.from_regex(r"candidate:\w+ 1 udp \d+ \S+ \d+ typ host"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        candidate = parse_candidate(text, loopback=True)
    except InvalidCandidate:
        return
    assert candidate.component == 1
    assert 0 < candidate.port < 65_536
