import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.controller.search import Search
from tui.controller.views import SpaceSummary

TEA = SpaceSummary(
    ref="f00d:tea",
    host="f00d" + "0" * 60,
    host_name="Hána Grün",
    id="tea",
    name="Five o'clock TEA",
    started_at=1_000,
    summary="Straße, Café und Kännchen",
    topics=("tea", "slow-living"),
    language="de",
    verified="hana@tea.example",
    followed=True,
)
STREAM = SpaceSummary(
    ref="naddr1x",
    host="beef" + "0" * 60,
    host_name="npub1beef…0000",
    id="x",
    name="Chess night",
    started_at=2_000,
    state="scheduled",
    kind="stream",
    topics=("chess",),
    language="pt-br",
    url="https://video.example/x.m3u8",
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "tea",
        "TEA five",
        "cafe",
        "CAFÉ kannchen",
        "strasse",
        "hana",
        "GRUN",
        "slow",
        "hana@tea",
        "#tea",
        "#Slow",
        "lang:de",
        "LANG:D",
        "host:hana",
        "host:tea.example",
        "host:f00d",
        "is:live",
        "is:open",
        "is:space",
        "is:s",
        "follows",
        "-is:stream",
        "-chess",
        "tea #tea lang:de host:hána is:live is:open follows -is:locked",
        # Not finished yet.
        "-",
        "#",
        "is:",
        "-is:",
        "lang:",
        "host:",
    ],
)
def test_what_fits(query: str) -> None:
    assert Search(query).matches(TEA)


@pytest.mark.parametrize(
    "query",
    [
        "coffee",
        "tea coffee",
        "#ea",
        "#chess",
        "lang:d-",
        "lang:en",
        "lang:det",
        "host:alice",
        "host:00",
        "is:stream",
        "is:scheduled",
        "is:locked",
        "is:nonsense",
        "-tea",
        "-follows",
        "-is:space",
        "follow:",
    ],
)
def test_what_does_not_fit(query: str) -> None:
    assert not Search(query).matches(TEA)


def test_each_state_kind_and_access_can_be_asked_for() -> None:
    def fits(query: str, **changes: object) -> bool:
        return Search(query).matches(msgspec.structs.replace(TEA, **changes))

    for state in ("live", "scheduled", "stale", "closed"):
        assert fits(f"is:{state}", state=state)
        assert not fits(f"is:{state}", state="closed" if state != "closed" else "live")
    for access in ("open", "invite", "password"):
        assert fits(f"is:{access}", access=access)
    assert not fits("is:open", access="invite")
    assert not fits("is:open", locked=True)
    assert fits("is:locked", locked=True)
    assert not fits("is:open", kind="room")


def test_a_language_has_regions() -> None:
    assert Search("lang:pt").matches(STREAM)
    assert Search("lang:pt-b").matches(STREAM)
    assert Search("lang:pt-BR").matches(STREAM)
    assert not Search("lang:pt-pt").matches(STREAM)


@given(st.text())
def test_any_text_is_a_query(query: str) -> None:
    assert Search(query).matches(TEA) in (True, False)


@given(st.text("aceéhnsßtTÜ", min_size=1), st.sampled_from(["", "#", "host:", "lang:", "is:"]))
def test_the_opposite_of_a_condition_is_what_does_not_fit_it(word: str, name: str) -> None:
    for space in (TEA, STREAM):
        fits = Search(name + word).matches(space)
        assert Search(f"-{name}{word}").matches(space) is not fits


@given(st.sampled_from([TEA, STREAM]), st.data())
def test_a_word_of_the_name_finds_a_space_however_it_is_written(
    space: SpaceSummary, data: st.DataObject
) -> None:
    word = data.draw(st.sampled_from(space.name.split()))
    start = data.draw(st.integers(0, len(word) - 1))
    assert Search(word[start:].swapcase()).matches(space)
