import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import nostr_sdk as sdk
import pytest

from tui.nostr import nip19
from tui.nostr.event import Event, decode_event, encode_event, signature_ok
from tui.nostr.filter import Filter
from tui.nostr.keys import LocalSigner, SecretKey
from tui.nostr.nip19 import Naddr, Nevent, Nprofile
from tui.nostr.pool import Pool

# The same things done by an implementation that shares no code with ours.

TEXT = "".join(map(chr, range(0x20))) + '"\\/\x7f\u0080\u2028\u2029é\U0001f600'
OURS = SecretKey(bytes(31) + b"\x07")


@pytest.fixture
def theirs() -> sdk.Keys:
    return sdk.Keys.parse("08" * 32)


async def test_each_takes_the_events_of_the_other(sign: Any, theirs: sdk.Keys) -> None:
    ours: Event = await sign(TEXT, tags=(("t", TEXT), ("x",), ("d", "")))
    taken = sdk.Event.from_json(encode_event(ours).decode())
    assert taken.verify()
    assert taken.content() == TEXT
    event = sdk.EventBuilder(sdk.Kind(1), TEXT).finalize(theirs)
    decoded = decode_event(event.as_json())
    assert signature_ok(decoded)
    assert (decoded.id, decoded.content) == (event.id().to_hex(), TEXT)


async def test_each_reads_the_payloads_of_the_other(theirs: sdk.Keys) -> None:
    signer = LocalSigner(OURS)
    their_pubkey = theirs.public_key().to_hex()
    payload = await signer.encrypt(their_pubkey, TEXT)
    our_key = sdk.PublicKey.parse(signer.pubkey)
    assert sdk.nip44_decrypt(theirs.secret_key(), our_key, payload) == TEXT
    payload = sdk.nip44_encrypt(theirs.secret_key(), our_key, TEXT, sdk.Nip44Version.V2)
    assert await signer.decrypt(their_pubkey, payload) == TEXT


def test_each_reads_the_entities_of_the_other(theirs: sdk.Keys) -> None:
    key, id_, relays = theirs.public_key(), "ab" * 32, ("wss://a.example.com",)
    urls = [sdk.RelayUrl.parse(url) for url in relays]
    pubkey = key.to_hex()
    assert nip19.encode_npub(pubkey) == key.to_bech32()
    assert nip19.encode_nsec(b"\x08" * 32) == theirs.secret_key().to_bech32()
    event = sdk.Nip19Event(sdk.EventId.parse(id_), key, sdk.Kind(1_000), urls)
    assert nip19.decode(event.to_bech32()) == Nevent(id_, relays, pubkey, 1_000)
    profile = sdk.Nip19Profile(key, urls)
    assert nip19.decode(profile.to_bech32()) == Nprofile(pubkey, relays)
    address = sdk.Nip19Coordinate(sdk.Coordinate(sdk.Kind(31_101), key, "a||b"), urls)
    assert nip19.decode(address.to_bech32()) == Naddr("a||b", pubkey, 31_101, relays)
    ours = nip19.encode_nevent(Nevent(id_, relays, pubkey, 1_000))
    assert sdk.Nip19Event.from_bech32(ours).event_id().to_hex() == id_


@pytest.fixture
async def their_relay() -> AsyncIterator[str]:
    relay = sdk.LocalRelayBuilder().build()
    await relay.run()
    yield str(await relay.url())
    relay.shutdown()


async def test_our_pool_at_their_relay(their_relay: str, sign: Any, until: Any) -> None:
    async with Pool([their_relay]) as pool:
        (url,) = pool.urls
        stored: Event = await sign("stored", tags=(("s", "x"),))
        assert (await pool.publish(stored))[url].ok
        live: list[Event] = []
        eose: list[str] = []
        pool.subscribe(
            [Filter(kinds=(1,), tags={"s": ("x",)})],
            lambda event, _url: live.append(event),
            on_eose=eose.append,
        )
        await until(lambda: eose)
        assert live == [stored] == await pool.fetch([Filter(authors=(stored.pubkey,))])
        new: Event = await sign("new", tags=(("s", "x"),))
        assert (await pool.publish(new))[url].ok
        await until(lambda: live == [stored, new])
        assert pool.status()[url].forgets == ()
        forged = msgspec.structs.replace(new, id="cd" * 32, sig="ab" * 64)
        assert not (await pool.publish(forged))[url].ok


async def test_our_pool_pages_through_their_relay(sign: Any, until: Any) -> None:
    builder = sdk.LocalRelayBuilder().default_filter_limit(100).max_filter_limit(100)
    relay = builder.rate_limit(sdk.RateLimit(max_reqs=1_000, notes_per_minute=10_000)).build()
    await relay.run()
    async with Pool([str(await relay.url())]) as pool:
        (url,) = pool.urls
        events = [
            await sign(str(number), created_at=1_000 + number // 40, tags=(("s", "x"),))
            for number in range(350)
        ]
        answers = await asyncio.gather(*(pool.publish(event, timeout=30) for event in events))
        assert all(answer[url].ok for answer in answers)
        everything = {event.id for event in events}
        assert {event.id for event in await pool.fetch([Filter(kinds=(1,))])} == everything
        seen: set[str] = set()
        eose: list[str] = []
        pool.subscribe(
            [Filter(tags={"s": ("x",)}, limit=200), Filter(kinds=(7,))],
            lambda event, _url: seen.add(event.id),
            on_eose=eose.append,
            page=True,
        )
        await until(lambda: eose)
        newest = {event.id for event in events if event.created_at > 1_004}
        assert newest <= seen
        assert 200 <= len(seen) < 350
    relay.shutdown()
