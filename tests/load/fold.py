"""What it costs to know a space: events folded per second, and one more event in a long history.

    python tests/load/fold.py [--events 50000]

Pure computation in one process, in CPU time; nothing is signed. `decode` is reading events as they
come out of the pool, `fold` is applying them and looking once at the end, `each` is looking after
every event.
"""

import argparse
import random
import resource
import time
from collections.abc import Callable, Iterable

from tui.nostr.event import Event
from tui.spaces import codec, events
from tui.spaces.events import Metrics, SpaceEvent, SpaceRef
from tui.spaces.state import SpaceState

START = 1_000_000
rng = random.Random(1)


def key(number: int) -> str:
    return f"{number:064x}"


HOST = key(0)
SPACE = SpaceRef(HOST, "load")
COHOSTS = [key(number) for number in range(1, 6)]
CROWD = [key(number) for number in range(100, 5_100)]


def common(signer: str, at: int) -> dict[str, object]:
    return {"space": SPACE, "signer": signer, "at": at, "id": f"{rng.getrandbits(256):064x}"}


def act(kind: type[SpaceEvent], signer: str, target: str, at: int) -> SpaceEvent:
    return kind(**common(signer, at), target=target)


def promotions(at: int = START) -> list[SpaceEvent]:
    return [act(events.CohostPromoted, HOST, cohost, at) for cohost in COHOSTS]


ACTS = (
    events.SpeakerPromoted,
    events.SpeakerPromoted,
    events.PeerDemoted,
    events.PeerDemoted,
    events.PeerRemoved,
    events.PeerInvited,
)


def moderation(number: int) -> list[SpaceEvent]:
    """Acts of an honest host and five honest co-hosts, four a second."""
    moderators = [HOST, *COHOSTS]
    return promotions() + [
        act(rng.choice(ACTS), rng.choice(moderators), rng.choice(CROWD), START + 1 + n // 4)
        for n in range(number - len(COHOSTS))
    ]


def evening(number: int) -> list[SpaceEvent]:
    """Everything that happens in a large space: most of it is people coming, going, connecting."""
    history = promotions()
    for n in range(number - len(history)):
        at, who, draw = START + n // 20, rng.choice(CROWD), rng.random()
        other = rng.choice((HOST, *COHOSTS, *CROWD[:50]))
        match draw:
            case _ if draw < 0.6:
                fields = {"name": "somebody", "metrics": Metrics(), "nip44": True}
                history.append(events.PeerJoined(**common(who, at), until=at + 180, **fields))
            case _ if draw < 0.7:
                history.append(events.PeerLeft(**common(who, at)))
            case _ if draw < 0.85:
                confirm = events.ConnectionConfirmed
                history.append(confirm(**common(other, at), to=who, type="consumer"))
            case _ if draw < 0.92:
                history.append(events.ConnectionDropped(**common(who, at), to=other))
            case _ if draw < 0.96:
                history.append(events.SpeechAsked(**common(who, at), withdrawn=False))
            case _:
                moderator = rng.choice((HOST, *COHOSTS))
                history.append(act(rng.choice(ACTS), moderator, who, at))
    return history


def crowded(number: int) -> SpaceState:
    """A space in which everybody is connected, and some ask to speak."""
    state, people = SpaceState(SPACE), [key(person) for person in range(100, 100 + number)]
    fields = {"name": "somebody", "metrics": Metrics(), "nip44": True, "until": START + 180}
    for n, who in enumerate(people):
        state.apply(events.PeerJoined(**common(who, START), **fields))
        confirm = events.ConnectionConfirmed
        state.apply(confirm(**common(people[n // 3], START + 1), to=who, type="consumer"))
        if n < 300:
            state.apply(events.SpeechAsked(**common(who, START + 2), withdrawn=False))
    return state


def forged(number: int, signers: int) -> list[SpaceEvent]:
    """Acts of strangers on the people that the host cares for."""
    return [
        act(rng.choice(ACTS), key(10**6 + n % signers), rng.choice(COHOSTS + CROWD), START + n)
        for n in range(number)
    ]


def raw(found: SpaceEvent) -> Event:
    """A JOIN or an act as it comes out of the pool."""
    kinds = {
        events.PeerJoined: events.JOIN_SPACE,
        events.SpeakerPromoted: events.PROMOTE_SPEAKER,
        events.PeerRemoved: events.REMOVE_PEER,
    }
    tags = [("s", SPACE.id), ("h", HOST), ("webrtc", "spaces"), ("d", f"load||{HOST}||{HOST}")]
    tags.append(("p", getattr(found, "target", HOST)))
    metrics = '{"downloadSpeedKbps": 1, "uploadSpeedKbps": 1, "maxAudioOutputs": 3}'
    content = f'{{"name": "somebody", "networkMetrics": {metrics}}}'
    kind = kinds[type(found)]
    return Event(found.id, found.signer, found.at, kind, tuple(tags), content, "0" * 128)


def look(state: SpaceState) -> None:
    state.role_of(CROWD[0])
    state.speaking  # noqa: B018 - computed anew when it has changed
    state.take_judged()
    state.take_touched()


def fold(history: Iterable[SpaceEvent]) -> SpaceState:
    state = SpaceState(SPACE)
    for event in history:
        state.apply(event)
    look(state)
    return state


def timed(what: str, number: int, work: Callable[[], object]) -> None:
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    each = seconds / number
    print(f"{what:<58} {seconds * 1000:8.1f} ms {each * 1e6:8.1f} µs {1 / each:11,.0f} /s")


def one_more(what: str, state: SpaceState, event: SpaceEvent) -> None:
    def add() -> None:
        state.apply(event)
        look(state)

    timed(what, 1, add)


def apply_each(state: SpaceState, history: Iterable[SpaceEvent]) -> None:
    for event in history:
        state.apply(event)
        look(state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    number = parser.parse_args().events
    print(f"{'':<58} {'whole':>11} {'an event':>11} {'events':>13}")

    everything = evening(number)
    readable = (events.PeerJoined, events.SpeakerPromoted, events.PeerRemoved)
    read = [raw(found) for found in everything if isinstance(found, readable)]
    timed("decode", len(read), lambda: [codec.decode(event) for event in read])
    timed("an evening, fold", number, lambda: fold(everything))
    shuffled = rng.sample(everything, number)
    timed("an evening, shuffled, fold", number, lambda: fold(shuffled))

    state, now = crowded(10_000), START + 10
    timed("of 10,000 people: who is present", 1, lambda: list(state.present(now)))
    timed("their connections", 1, lambda: list(state.edges(now)))
    timed("the queue of 300 of them", 1, lambda: state.queue(now))

    acts = moderation(number)
    timed("moderation, oldest first, fold", number, lambda: fold(acts))
    timed("moderation, newest first, fold", number, lambda: fold(reversed(acts)))
    shuffled = rng.sample(acts, number)
    timed("moderation, shuffled, fold", number, lambda: fold(shuffled))
    timed("moderation, oldest first, each", number, lambda: apply_each(SpaceState(SPACE), acts))
    some = number // 10
    newest = acts[::-1][:some]
    timed("moderation, newest first, each", some, lambda: apply_each(SpaceState(SPACE), newest))

    state = fold(acts)
    late = START + 2
    one_more("one more act", state, act(events.SpeakerPromoted, HOST, CROWD[0], START + number))
    one_more("one late act", state, act(events.SpeakerPromoted, HOST, CROWD[1], late))
    one_more("one late removal", state, act(events.PeerRemoved, HOST, CROWD[2], late))
    one_more("one late forged act", state, act(events.PeerRemoved, CROWD[3], CROWD[4], late))
    cohost = COHOSTS[0]
    theirs = sum(getattr(event, "signer", "") == cohost for event in acts)
    what = f"a co-host's demotion, late: {theirs} acts judged again"
    one_more(what, state, act(events.PeerDemoted, HOST, cohost, late))

    for signers in (1, number):
        state = fold(promotions())
        flood = forged(number, signers)
        timed(f"forged by {signers}, each", number, lambda: apply_each(state, flood))  # noqa: B023
        rest = acts[len(COHOSTS) :][:some]
        timed("  then honest acts, each", some, lambda: apply_each(state, rest))  # noqa: B023
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory, histories included: {peak:.0f} MB")


if __name__ == "__main__":
    main()
