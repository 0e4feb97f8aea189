"""Announcing a space that is to begin later: its creation and its room, and nothing else."""

from collections.abc import Callable

from tui.controller.refusal import Refusal
from tui.nostr.event import Draft, Event, InvalidEvent
from tui.nostr.keys import Signer
from tui.nostr.pool import Pool
from tui.spaces import codec
from tui.spaces.events import Metrics, SpaceCreated, SpaceRef
from tui.spaces.rooms import write_announcement
from tui.spaces.session import SpaceCreation
from tui.spaces.writer import Writer


async def announce(
    space: SpaceRef,
    create: SpaceCreation,
    *,
    signer: Signer,
    pool: Pool,
    metrics: Metrics,
    now: Callable[[], float],
) -> None:
    """Publish both; raises `Refusal` when no relay takes them."""
    draft = Writer(space, signer.pubkey).create(
        int(now()),
        create.name,
        metrics,
        create.summary,
        create.relays,
        image=create.image,
        starts=create.starts,
        language=create.language,
        topics=create.topics,
        access=create.access,
    )
    created = codec.decode(await _publish(draft, signer, pool, create.relays))
    assert isinstance(created, SpaceCreated)
    room = write_announcement(created, int(now()), status="planned")
    await _publish(room, signer, pool, create.relays)


async def _publish(draft: Draft, signer: Signer, pool: Pool, relays: tuple[str, ...]) -> Event:
    try:
        event = await signer.sign(draft)
    except InvalidEvent as error:
        raise Refusal(f"this cannot be announced: {error}") from None
    results = await pool.publish(event, relays=relays)
    if not any(result.ok for result in results.values()):
        reasons = "; ".join(f"{url}: {result.reason}" for url, result in results.items())
        raise Refusal(f"no relay takes this: {reasons or 'none is connected'}", "relay")
    return event
