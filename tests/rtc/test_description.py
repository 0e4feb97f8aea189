import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.rtc.description import (
    OPUS_PARAMETERS,
    InvalidDescription,
    read_description,
    write_description,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={name}\r\nt=0 0\r\na=group:BUNDLE {ids}\r\n"
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:{id}\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=candidate:1 1 udp 1 192.0.2.1 {id}000 typ host\r\na=end-of-candidates\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=fingerprint:sha-256 AA\r\na=setup:actpass\r\n"
)
CHANNEL = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:{id}\r\n"


def describe(*media: str, name: str = "-") -> str:
    lines = "".join(x.format(id=place + 1) for place, x in enumerate(media))
    return HEAD.format(name=name, ids=" ".join(str(x + 1) for x in range(len(media)))) + lines


def test_candidates_are_taken_out_and_only_those_of_the_first_line_kept() -> None:
    remote = read_description(describe(AUDIO, AUDIO))
    assert remote.candidates == ("candidate:1 1 udp 1 192.0.2.1 1000 typ host",)
    assert "candidate" not in remote.sdp
    assert remote.first_id == "1"


def test_one_of_ours_is_known_by_its_session_name_and_its_channel() -> None:
    assert read_description(describe(AUDIO, CHANNEL, name="spaces")).has_channel
    assert not read_description(describe(AUDIO, CHANNEL)).has_channel
    assert not read_description(describe(AUDIO, name="spaces")).has_channel


@pytest.mark.parametrize("direction", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_a_stream_without_a_direction_has_that_of_the_session(direction: str) -> None:
    session = describe(AUDIO, AUDIO + "a=recvonly\r\n", CHANNEL)
    sections = read_description(session).sdp.split("m=")
    assert ["a=sendrecv" in section for section in sections] == [False, True, False, False]
    session = session.replace("t=0 0\r\n", f"t=0 0\r\na={direction}\r\n")
    first, *streams = read_description(session).sdp.split("m=")
    assert [f"a={direction}" in section for section in streams[:1]] == [True]
    assert "a=recvonly" in streams[1]
    assert f"a={direction}" in first


def test_nack_counts_only_for_opus() -> None:
    assert not read_description(describe(AUDIO)).answers_nack
    assert not read_description(describe(AUDIO + "a=rtcp-fb:96 nack\r\n")).answers_nack
    assert not read_description(describe(AUDIO + "a=rtcp-fb:111 nack pli\r\n")).answers_nack
    assert read_description(describe(AUDIO + "a=rtcp-fb:111 nack\r\n")).answers_nack
    assert read_description(describe(AUDIO + "a=rtcp-fb:* nack\r\n")).answers_nack


@pytest.mark.parametrize(
    "sdp",
    [
        None,
        b"v=0",
        "",
        "hello",
        describe(),
        describe(CHANNEL),
        describe(*[AUDIO] * (limits.SDP_AUDIO_LINES + 1)),
        describe(AUDIO, *[CHANNEL] * limits.SDP_LINES),
        describe(AUDIO) + "a=x:" + "y" * limits.SDP_BYTES,
        describe(AUDIO, AUDIO).replace("a=group:BUNDLE 1 2", "a=group:BUNDLE 1"),
        describe(AUDIO, AUDIO).replace("a=group:BUNDLE 1 2", "a=group:BUNDLE 2 1"),
        describe(AUDIO, AUDIO).replace("a=group:BUNDLE 1 2\r\n", ""),
        describe(AUDIO, AUDIO).replace("a=mid:2", "a=mid:1"),
        describe(AUDIO, AUDIO).replace("a=mid:2\r\n", "").replace("a=mid:1", "a=mid:1\r\na=mid:2"),
        describe(AUDIO) + "a=mid:2\r\n",
        describe(AUDIO).replace("a=group:BUNDLE 1", "a=group:BUNDLE 1 2"),
        describe(AUDIO).replace("a=fingerprint:sha-256 AA\r\n", ""),
        describe(AUDIO).replace("a=ice-pwd:0123456789012345678901\r\n", ""),
        describe(AUDIO).replace("a=ice-ufrag:abcd\r\n", ""),
        describe(AUDIO).replace("a=setup:actpass\r\n", ""),
    ],
)
def test_what_we_will_not_take(sdp: object) -> None:
    with pytest.raises(InvalidDescription):
        read_description(sdp)


@given(st.text(max_size=300) | st.lists(st.sampled_from(describe(AUDIO, CHANNEL).split("\r\n"))))
def test_any_text_is_read_or_refused(text: object) -> None:
    sdp = text if isinstance(text, str) else "\r\n".join(map(str, text))  # type: ignore[call-overload]
    try:
        remote = read_description(sdp)
    except InvalidDescription:
        return
    assert "candidate" not in remote.sdp


def test_a_description_that_cannot_be_encoded_is_refused_or_read() -> None:
    assert read_description(describe(AUDIO, name="\ud800")).first_id == "1"


def test_ours_asks_for_what_makes_opus_robust() -> None:
    ours = write_description(describe(AUDIO), nack=True, more_candidates=False)
    assert "s=spaces\r\n" in ours
    assert f"a=fmtp:111 {OPUS_PARAMETERS}\r\n" in ours
    assert "useinbandfec=1" in ours
    assert "usedtx=1" in ours
    assert read_description(ours).answers_nack
    assert "a=end-of-candidates" in ours


def test_ours_promises_only_what_is_so() -> None:
    ours = write_description(describe(AUDIO), nack=False, more_candidates=True)
    assert not read_description(ours).answers_nack
    assert "a=end-of-candidates" not in ours
