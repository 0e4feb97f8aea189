import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.audio.jitter import JitterBuffer, Kind
from tui.audio.packet import FRAME, OpusPacket
from tui.config.limits import JITTER_PACKETS, JITTER_SPAN

FAR = 120  # samples in the shortest step


def packet(number, *, sequence=0, timestamp=0, gap=0, level=20, toc=b"\x08\x40"):
    """The `number`th packet of a stream; its payload says which, as a 20 ms SILK frame with FEC."""
    return OpusPacket(
        (sequence + number) % 2**16,
        (timestamp + number * FRAME + gap) % 2**32,
        toc + number.to_bytes(4),
        level,
    )


def play(arrivals, seconds, start=0.0):
    """Pull 20 ms at a time; the steps with the time at which each was asked for, and the buffer."""
    arrivals = sorted(arrivals, key=lambda arrival: arrival[0])
    buffer, steps, samples = JitterBuffer(), [], 0
    for frame in range(round(seconds * 50)):
        now = start + frame * 0.02 + 0.005
        while arrivals and arrivals[0][0] <= now:
            at, one = arrivals.pop(0)
            buffer.push(one, at)
        while samples < (frame + 1) * FRAME:
            step = buffer.next(now)
            samples += step.samples
            steps.append((now, step))
    return steps, buffer


def number_of(step):
    return int.from_bytes(step.payload[-4:])


def numbers(steps, kind=Kind.DECODE):
    return [number_of(step) for _, step in steps if step.kind is kind]


def kinds(steps):
    return [step.kind for _, step in steps]


def longest_hole(steps):
    """Frames between two that were decoded."""
    longest = hole = 0
    steps = [step for _, step in steps]
    decoded = [number for number, step in enumerate(steps) if step.kind is Kind.DECODE]
    for step in steps[decoded[0] : decoded[-1] + 1]:
        hole = 0 if step.kind is Kind.DECODE else hole + step.samples
        longest = max(longest, hole)
    return longest / FRAME


def test_clean_stream_is_played_whole_and_soon():
    steps, buffer = play([(n * 0.02, packet(n)) for n in range(100)], 3.0)
    assert numbers(steps) == list(range(100))
    first = next(now for now, step in steps if step.kind is Kind.DECODE)
    assert first <= 0.041
    assert buffer.counts.lost == buffer.counts.recovered == 0
    assert kinds(steps)[-1] is Kind.SILENCE


@pytest.mark.parametrize(("sequence", "timestamp"), [(65_500, 0), (0, 2**32 - 5000), (65_530, 7)])
def test_wrapping_numbers_are_no_event(sequence, timestamp):
    stream = [(n * 0.02, packet(n, sequence=sequence, timestamp=timestamp)) for n in range(100)]
    steps, buffer = play(stream, 2.5)
    assert numbers(steps) == list(range(100))
    assert buffer.counts.resynchronised == buffer.counts.lost == 0


def test_one_lost_packet_comes_from_the_next():
    steps, buffer = play([(n * 0.02, packet(n)) for n in range(50) if n != 20], 1.5)
    assert numbers(steps) == [n for n in range(50) if n != 20]
    assert numbers(steps, Kind.RECOVER) == [21]
    assert longest_hole(steps) == 1
    assert buffer.counts.lost == 1


def test_two_lost_packets_are_one_guess_and_one_recovery():
    steps, buffer = play([(n * 0.02, packet(n)) for n in range(50) if n not in (20, 21)], 1.5)
    assert longest_hole(steps) == 2
    assert numbers(steps, Kind.RECOVER) == [22]
    assert buffer.counts.lost == 2


def test_reordered_and_doubled_packets_are_put_right():
    def jittery():
        rng = random.Random(3)
        for n in range(200):
            for _ in range(rng.choice([1, 1, 2])):
                yield n * 0.02 + rng.random() * 0.05, packet(n)

    steps, buffer = play(list(jittery()), 5.0)
    assert numbers(steps) == sorted(set(numbers(steps)))
    assert len(numbers(steps)) >= 198
    assert buffer.counts.duplicate > 10
    assert 0.04 < buffer.delay < 0.09


def test_delay_follows_the_network_back_down():
    rng = random.Random(1)
    bad = [(n * 0.02 + rng.random() * 0.2, packet(n, level=127)) for n in range(300)]
    good = [(n * 0.02, packet(n, level=20 if n % 2 else 127)) for n in range(300, 1200)]
    _, buffer = play(bad + good, 6.0)
    assert buffer.delay == pytest.approx(0.2 + 0.02, abs=0.04)
    steps, buffer = play(bad + good, 23.5)
    assert buffer.delay < 0.03
    late = [now - number_of(s) * 0.02 for now, s in steps if s.payload]
    assert late[-1] < 0.1 < max(late)


def test_silence_after_the_last_packet_comes_gently():
    steps, _ = play([(n * 0.02, packet(n)) for n in range(10)], 2.0)
    after = kinds(steps)[max(n for n, k in enumerate(kinds(steps)) if k is Kind.DECODE) + 1 :]
    assert after[:11] == [Kind.CONCEAL] * 10 + [Kind.FADE]  # 100 ms and one block
    assert set(after[11:]) == {Kind.SILENCE}


def test_pause_of_the_sender_is_no_loss():
    before = [(n * 0.02, packet(n)) for n in range(20)]
    after = [(2.0 + n * 0.02, packet(n, gap=80 * FRAME)) for n in range(20, 40)]
    steps, buffer = play(before + after, 3.5)
    assert numbers(steps) == list(range(40))
    assert buffer.counts.lost == buffer.counts.recovered == buffer.counts.resynchronised == 0
    began = next(now for now, step in steps if step.payload == packet(20).payload)
    assert began < 2.4 + 0.045  # the pause was not added to the delay


def test_short_pause_keeps_its_length():
    before = [(n * 0.02, packet(n)) for n in range(20)]
    after = [((n + 3) * 0.02, packet(n, gap=3 * FRAME)) for n in range(20, 40)]
    steps, _ = play(before + after, 2.0)
    played = [(now, number_of(step)) for now, step in steps if step.payload]
    times = {number: now for now, number in played}
    assert times[20] - times[19] == pytest.approx(0.08, abs=0.021)


def test_late_sound_is_played_not_thrown_away():
    stalled = [(max(n * 0.02, 0.7), packet(n)) for n in range(20, 60)]
    steps, buffer = play([(n * 0.02, packet(n)) for n in range(20)] + stalled, 3.0)
    assert numbers(steps) == list(range(60))
    assert buffer.counts.lost == 0


def test_delay_that_a_stall_left_goes_in_the_next_pause():
    # 300 ms in which nothing comes, then all of it at once; later a pause in the talk.
    def arrival(n):
        return 10.3 if 500 <= n < 515 else n * 0.02

    stream = [(arrival(n), packet(n, level=127 if n > 560 else 20)) for n in range(620)]
    steps, _ = play(stream, 13.5)
    late = {
        number_of(step): now - number_of(step) * 0.02
        for now, step in steps
        if step.kind is Kind.DECODE
    }
    assert late[499] < 0.1
    assert late[555] > 0.25
    assert late[619] < 0.1


def test_long_stall_ends_in_the_present():
    stalled = [(max(n * 0.02, 1.2), packet(n)) for n in range(20, 200)]
    steps, buffer = play([(n * 0.02, packet(n)) for n in range(20)] + stalled, 5.0)
    last = [(now, number_of(step)) for now, step in steps if step.payload][-1]
    assert last[1] == 199
    assert last[0] - 199 * 0.02 < JITTER_SPAN + 0.1
    assert buffer.counts.dropped > 0


@pytest.mark.parametrize(
    ("sequence", "timestamp"),
    [
        (30_000, 0),
        (0, 1_000_000_000),
        (20_000, 2**31),
        (60_000, 2**32 - 10_000_000),
        (2**16 - 30, 2**32 - 30 * FRAME),  # the same source over a path of other numbers
        (2**16 - 60, 12_345),
        (40, 90_000),
    ],
)
def test_another_source_is_heard_at_once(sequence, timestamp):
    old = [(n * 0.02, packet(n)) for n in range(100)]
    new = [
        (2.0 + n * 0.02, packet(n + 100, sequence=sequence, timestamp=timestamp))
        for n in range(100)
    ]
    steps, _ = play(old + new, 4.5)
    first = next(now for now, s in steps if s.payload and number_of(s) >= 100)
    assert first < 2.0 + 0.15
    assert numbers(steps)[-1] == 199
    assert len([n for n in numbers(steps) if n >= 100]) >= 95


def test_copies_of_what_was_played_are_ignored():
    stream = [(n * 0.02, packet(n)) for n in range(100)]
    echo = [(n * 0.02 + 0.011 + 0.1, packet(n)) for n in range(90)]
    burst = [(1.995, packet(n)) for n in range(80, 95)]
    steps, buffer = play(stream + echo + burst, 3.0)
    assert numbers(steps) == list(range(100))
    assert buffer.counts.resynchronised == 0


def test_packets_sent_again_too_late_are_not_another_source():
    stream = [(n * 0.02, packet(n)) for n in range(200) if not 50 <= n < 56]
    again = [(51 * 0.02 + 0.3, packet(n)) for n in range(50, 56)]
    steps, buffer = play(stream + again, 5.0)
    assert buffer.counts.resynchronised == 0
    assert buffer.counts.late == 6
    assert numbers(steps) == [n for n in range(200) if not 50 <= n < 56]


def test_longer_sound_is_wanted_before_packets_are_late_and_shorter_when_too_many_wait():
    # For a while every tenth packet takes 60 ms longer; later 300 ms of them come at once.
    def arrival(n):
        if 900 <= n < 915:
            return 915 * 0.02
        return n * 0.02 + (0.06 if n % 10 == 0 and 200 <= n < 500 else 0.0)

    steps, _ = play([(arrival(n), packet(n)) for n in range(1200)], 25.0)
    wanted = {number_of(s): s.stretch for _, s in steps if s.kind is Kind.DECODE}
    assert not any(wanted[n] for n in range(200))
    assert 480 < max(wanted.get(n, 0) for n in range(200, 500)) < 0.1 * 48_000
    assert not any(wanted[n] < 0 for n in range(915, 925))  # a pause may come
    assert wanted[1100] < -480


def test_network_is_remembered_for_another_source():
    rng = random.Random(4)
    old = [(n * 0.02 + rng.random() * 0.1, packet(n)) for n in range(300)]
    new = [(6.0 + rng.random() * 0.1, packet(0, sequence=30_000, timestamp=10**9))]
    _, buffer = play(old + new, 7.0)
    assert buffer.counts.resynchronised == 1
    assert buffer.delay > 0.09


def test_same_sound_under_new_numbers_is_played_once():
    def spoken(n, sequence, timestamp, marker=False):
        payload = b"\x08\x40" + bytes(20) + n.to_bytes(4)
        return OpusPacket(sequence, timestamp, payload, 20, marker)

    # After packet 99 a forwarder takes the voice from a way that is 80 ms longer.
    first = [(n * 0.02, spoken(n, n, n * FRAME)) for n in range(100)]
    second = [(0.08 + n * 0.02, spoken(n, n + 4, (n + 4) * FRAME, n == 96)) for n in range(96, 200)]
    steps, buffer = play(first + second, 5.0)
    assert numbers(steps) == list(range(200))
    assert buffer.counts.duplicate == 4
    # Without the mark of a new source, or of what may be alike by chance, nothing is assumed.
    unmarked = [(at, msgspec.structs.replace(p, marker=False)) for at, p in second]
    assert numbers(play(first + unmarked, 5.0)[0]) == [*range(100), *range(96, 200)]
    short = [
        (at, msgspec.structs.replace(p, payload=p.payload[:2] + p.payload[-4:]))
        for at, p in first + second
    ]
    assert numbers(play(short, 5.0)[0]) == [*range(100), *range(96, 200)]


@pytest.mark.parametrize("milliseconds", [10, 40, 60])
def test_other_packet_lengths(milliseconds):
    toc = {10: b"\x00\x40", 40: b"\x10\x20", 60: b"\x18\x10"}[milliseconds]
    samples = milliseconds * 48
    arrivals = [
        (n * samples / 48_000, OpusPacket(n, n * samples, toc + n.to_bytes(4), 20))
        for n in range(100)
        if n != 50
    ]
    steps, buffer = play(arrivals, 8.0)
    assert len(numbers(steps)) == 99
    assert [s.samples for _, s in steps if s.kind is Kind.RECOVER] == [samples]
    assert buffer.counts.lost == 1


def test_unusable_packets_are_counted():
    buffer = JitterBuffer()
    buffer.push(OpusPacket(0, 0, b""), 0.0)
    buffer.push(OpusPacket(0, 0, b"\x03"), 0.0)  # a frame count is missing
    buffer.push(OpusPacket(0, 0, b"\x08" + bytes(5000)), 0.0)
    assert buffer.counts.invalid == 3
    assert len(buffer) == 0


pushes = st.tuples(
    st.just("push"),
    st.one_of(st.integers(0, 2**16 - 1), st.integers(0, 40)),
    st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 40).map(lambda n: n * FRAME)),
    st.one_of(st.binary(max_size=3), st.just(b"\x08abc"), st.just(b"\x80x")),
    st.integers(0, 127),
)
pulls = st.tuples(st.just("next"), st.floats(0, 0.5))


@settings(max_examples=300)
@given(st.lists(st.one_of(pushes, pulls, pulls), max_size=200))
def test_hostile_packets_never_break_it(actions):
    buffer, now = JitterBuffer(), 5.0
    for action in actions:
        if action[0] == "push":
            buffer.push(OpusPacket(*action[1:]), now)
        else:
            now += action[1]
            step = buffer.next(now)
            assert 0 < step.samples <= 5760
            assert step.samples % FAR == 0
            assert bool(step.payload) == (step.kind in (Kind.DECODE, Kind.RECOVER))
        assert len(buffer) <= JITTER_PACKETS
        assert 0.02 <= buffer.delay <= 0.4


networks = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "loss": st.sampled_from([0.0, 0.02, 0.1, 0.2, 0.5]),
        "twice": st.sampled_from([0.0, 0.1]),
        "jitter": st.sampled_from([0.0, 0.01, 0.03, 0.1]),
        "sequence": st.integers(0, 2**16 - 1),
        "timestamp": st.integers(0, 2**32 - 1),
    }
)


@settings(max_examples=150, deadline=None)
@given(networks)
def test_what_arrives_is_played_once_in_order_without_holes_of_its_own(network):
    rng = random.Random(network["seed"])
    count, arrivals, lost, run, longest = 150, [], set(), 0, 0
    for n in range(count):
        if 0 < n < count - 1 and rng.random() < network["loss"]:
            lost.add(n)
            run += 1
            longest = max(longest, run)
            continue
        run = 0
        one = packet(n, sequence=network["sequence"], timestamp=network["timestamp"])
        for _ in range(1 + (rng.random() < network["twice"])):
            arrivals.append((n * 0.02 + rng.random() * network["jitter"], one))
    steps, buffer = play(arrivals, count * 0.02 + 1.0)
    played = numbers(steps)
    assert played == sorted(set(played))
    assert buffer.counts.resynchronised == buffer.counts.invalid == 0
    # Beyond what was lost, only packets later than all before them can be missed.
    reordered = network["jitter"] / 0.02
    missed = count - len(lost) - len(played)
    assert missed <= (0 if reordered < 1 else 10 + count * network["loss"])
    # A hole lasts as long as the loss, plus what the delay grows by.
    assert longest_hole(steps) <= longest + reordered + 1
    total = sum(step.samples for _, step in steps)
    assert total >= (count * 0.02 + 1.0) * 48_000
