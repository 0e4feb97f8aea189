import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.config import limits
from tui.nostr.event import Draft, Event
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip44 import InvalidPayload
from tui.people.contacts import MUTES, MuteList, change_mutes, read_follows, read_mutes

BOB, EVE, MALLORY = "b0" * 32, "e0" * 32, "a0" * 32
NIP04 = "c29tZXRoaW5nIG9sZA==?iv=MTIzNDU2Nzg5MDEyMzQ1Ng=="
ME = LocalSigner(SecretKey(bytes(31) + b"\x07"))


async def publish(draft: Draft | None) -> Event:
    assert draft is not None
    return await ME.sign(draft)


async def event(tags: Any = (), private: Any = None, content: str = "", at: int = 1000) -> Event:
    if private is not None:
        content = await ME.encrypt(ME.pubkey, json.dumps(private))
    return await ME.sign(Draft(MUTES, content, tuple(map(tuple, tags)), at))


async def private_tags(published: Event) -> list[list[str]]:
    return json.loads(await ME.decrypt(ME.pubkey, published.content)) if published.content else []


async def test_follows_are_the_keys_in_p_tags() -> None:
    follows = await ME.sign(
        Draft(
            3,
            '{"wss://relay.example": {"read": true}}',
            (("p", BOB, "wss://relay.example", "bob"), ("p", EVE), ("p", BOB), ("p",)),
            1000,
        )
    )
    assert read_follows(follows) == {BOB, EVE}


@pytest.mark.parametrize("wrong", ["", "bob", BOB.upper(), BOB + "0", BOB + "\n", "npub1xyz"])
async def test_what_is_no_key_is_nobody(wrong: str) -> None:
    tags = (("p", wrong), ("P", EVE), ("e", EVE), ("p", "", EVE))
    assert read_follows(await ME.sign(Draft(3, "", tags, 1000))) == frozenset()


async def test_both_parts_of_a_mute_list_count() -> None:
    mutes = await read_mutes(await event([["p", BOB]], [["p", EVE], ["word", "x"]]), ME)
    assert mutes.pubkeys == {BOB, EVE}


async def test_only_its_author_reads_the_private_part() -> None:
    published = await event([["p", BOB]], [["p", EVE]])
    for signer in (None, LocalSigner(SecretKey.generate())):
        mutes = await read_mutes(published, signer)
        assert mutes.pubkeys == {BOB}
        assert mutes.private is None


async def test_a_signer_is_not_asked_to_open_what_is_not_its_own() -> None:
    class Reluctant(LocalSigner):
        async def decrypt(self, sender: str, payload: str) -> str:
            raise AssertionError("asked")

    other = Reluctant(SecretKey.generate())
    assert (await read_mutes(await event([["p", BOB]], [["p", EVE]]), other)).private is None
    mine = Reluctant(SecretKey(bytes(31) + b"\x07"))
    assert (await read_mutes(await event(content=NIP04), mine)).private is None
    with pytest.raises(AssertionError):
        await read_mutes(await event([], [["p", EVE]]), mine)


UNREADABLE = [
    pytest.param(NIP04, id="NIP-04"),
    pytest.param("garbage", id="garbage"),
    pytest.param("A" * 200, id="forged"),
]


@pytest.mark.parametrize("content", UNREADABLE)
async def test_a_private_part_that_cannot_be_read_stays_as_it_is(content: str) -> None:
    mutes = await read_mutes(await event([["p", BOB], ["t", "spam"]], content=content), ME)
    assert mutes.private is None
    assert mutes.pubkeys == {BOB}
    published = await publish(await change_mutes(mutes, BOB, False, ME, 2000))
    assert published.content == content
    assert published.tags == (("t", "spam"),)


async def test_beside_an_old_private_part_people_are_muted_in_public() -> None:
    mutes = await read_mutes(await event(content=NIP04), ME)
    published = await publish(await change_mutes(mutes, EVE, True, ME, 2000))
    assert (published.tags, published.content) == ((("p", EVE),), NIP04)


async def test_a_signer_that_does_not_open_the_private_part_makes_nobody_public() -> None:
    mutes = await read_mutes(await event(content="A" * 200), ME)
    with pytest.raises(InvalidPayload):
        await change_mutes(mutes, EVE, True, ME, 2000)


@pytest.mark.parametrize(
    "private", ["not json", "{}", '[["p", 1]]', '["p"]', "null", "[" * 1000 + "]" * 1000]
)
async def test_a_private_part_of_another_shape_is_not_touched(private: str) -> None:
    content = await ME.encrypt(ME.pubkey, private)
    mutes = await read_mutes(await event(content=content), ME)
    assert mutes.private is None
    with pytest.raises(InvalidPayload):
        await change_mutes(mutes, EVE, True, ME, 2000)


async def test_who_is_muted_is_nobodys_business() -> None:
    published = await publish(await change_mutes(MuteList(), EVE, True, ME, 2000))
    assert EVE not in str(published.tags)
    assert EVE not in published.content
    assert (await read_mutes(published, ME)).pubkeys == {EVE}


async def test_nothing_is_written_where_nothing_changes() -> None:
    mutes = await read_mutes(await event([["p", BOB]]), ME)
    assert await change_mutes(mutes, BOB, True, ME, 2000) is None
    assert await change_mutes(mutes, EVE, False, ME, 2000) is None


@pytest.mark.parametrize(("now", "dated"), [(2000.9, 2000), (500.0, 1001), (1000.0, 1001)])
async def test_a_changed_list_is_newer_than_the_one_before(now: float, dated: int) -> None:
    mutes = await read_mutes(await event(at=1000), ME)
    published = await publish(await change_mutes(mutes, EVE, True, ME, now))
    assert published.created_at == dated


async def test_a_private_part_that_is_full_is_an_error_and_not_a_loss() -> None:
    full = tuple(("p", f"{number:064x}") for number in range(limits.PLAINTEXT_BYTES // 72))
    with pytest.raises(InvalidPayload):
        await change_mutes(MuteList(private=full), EVE, True, ME, 2000)


TAGS = st.lists(
    st.sampled_from([["p", BOB], ["p", EVE, "relay", "x"], ["word", "x"], ["e", "f0" * 32]])
    | st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4),
    max_size=6,
)


@given(public=TAGS, private=TAGS, who=st.sampled_from([BOB, EVE, MALLORY]), on=st.booleans())
async def test_nothing_but_the_one_person_changes(
    public: list[list[str]], private: list[list[str]], who: str, on: bool
) -> None:
    before = await read_mutes(await event(public, private), ME)
    draft = await change_mutes(before, who, on, ME, 2000)
    if draft is None:
        assert on == (who in before.pubkeys)
        return
    published = await publish(draft)
    after = await read_mutes(published, ME)
    assert after.pubkeys == (before.pubkeys | {who} if on else before.pubkeys - {who})

    def others(tags: Any) -> list[list[str]]:
        return [list(tag) for tag in tags if list(tag[:2]) != ["p", who]]

    assert others(published.tags) == others(public)
    assert others(await private_tags(published)) == others(private)
