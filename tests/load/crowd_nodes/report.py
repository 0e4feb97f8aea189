"""What a crowd has heard, from the reports of its processes."""

import statistics
from collections import Counter, defaultdict
from typing import Any

from .workers import OVERLAP_SECONDS

PACKETS_PER_SECOND = 50
EDGE_SECONDS = 0.5  # of a turn, at both ends, in which sound sets in
SETTLED_SECONDS = 5.0  # after a listener has come
NEAR_KILL_SECONDS = 3.0  # holes so soon after a kill are no steady state


def show(
    *,
    audience: list[dict[str, Any]],
    stage: dict[str, Any],
    talks: list[dict[str, Any]],
    steady: float,
    ended: float,
    killed: list[float],
    relay: float,
) -> None:
    """Print everything."""
    members = [member for part in audience for member in part["reports"]]
    turns = _turns(talks, ended)
    present = [m for m in members if m["left"] - m["joined"] > SETTLED_SECONDS]
    print(f"\n{len(members)} listeners in all, {len(turns)} turns of speech")
    _hearing(present, turns, steady)
    _holes(present, turns, steady, killed)
    _moves(members, steady)
    depths = Counter(m["depth"] for m in members if m["left"] >= ended)
    hops = sorted(d for d in depths.elements() if d is not None)
    if hops:
        table = ", ".join(f"{d}: {n}" for d, n in sorted(depths.items(), key=str))
        print(f"depth: median {statistics.median(hops):.0f}, most {hops[-1]} ({table})")
    _costs(audience, stage, relay)
    dropped: Counter[str] = Counter()
    for member in members:
        dropped.update(member["dropped"])
    print("dropped, of all listeners:", dict(dropped.most_common(8)))


def _turns(talks: list[dict[str, Any]], ended: float) -> list[tuple[str, float, float]]:
    turns, since = [], {}
    for line in talks:
        if line["on"]:
            since[line["talks"]] = line["at"] - OVERLAP_SECONDS
        elif line["talks"] in since:
            turns.append((line["talks"], since.pop(line["talks"]), line["at"]))
    turns += [(who, at, ended) for who, at in since.items()]
    return turns


def _hearing(members: list[dict[str, Any]], turns: list[Any], steady: float) -> None:
    due = heard = deaf = whole = 0
    for member in members:
        packets: dict[tuple[str, int], int] = {(o, s): n for o, s, n in member["packets"]}
        begin = max(member["joined"] + SETTLED_SECONDS, steady)
        for who, since, until in turns:
            # Whole seconds well within the turn.
            first = int(max(since + EDGE_SECONDS, begin)) + 1
            last = int(min(until - EDGE_SECONDS, member["left"] - EDGE_SECONDS))
            if last <= first:
                continue
            got = sum(packets.get((who, second), 0) for second in range(first, last))
            wanted = (last - first) * PACKETS_PER_SECOND
            due, heard, whole = due + wanted, heard + min(got, wanted), whole + 1
            deaf += got == 0
    print(
        f"heard: {heard / max(due, 1):.3%} of {due} packets due; {deaf} of {whole} turns not at all"
    )


def _holes(
    members: list[dict[str, Any]], turns: list[Any], steady: float, killed: list[float]
) -> None:
    spans = defaultdict(list)
    for who, since, until in turns:
        spans[who].append((since + EDGE_SECONDS, until - EDGE_SECONDS))
    calm, after_kill = [], []
    seconds = 0.0
    for member in members:
        begin = max(member["joined"] + SETTLED_SECONDS, steady)
        seconds += max(0.0, member["left"] - begin)
        for who, at, length in member["holes"]:
            inside = any(a <= at and at + length <= b for a, b in spans[who])
            if inside and at >= begin:
                near = any(0 <= at + length - k < NEAR_KILL_SECONDS for k in killed)
                (after_kill if near else calm).append(length)
    for name, holes in (("holes over 60 ms", calm), ("the same right after a kill", after_kill)):
        worst = f", longest {max(holes) * 1000:.0f} ms" if holes else ""
        rate = len(holes) / max(seconds / 3600, 1e-9)
        print(
            f"{name}: {len(holes)} in {seconds / 3600:.1f} hours of listening ({rate:.1f}/h){worst}"
        )


def _moves(members: list[dict[str, Any]], steady: float) -> None:
    """`moves` are (at, seconds without a parent, why)."""
    moves = [m for member in members for m in member["moves"] if m[0] >= steady]
    if not moves:
        print("no moves")
        return
    orphan = sorted(seconds for _, seconds, _ in moves)
    place = min(len(orphan) - 1, int(0.99 * len(orphan)))
    soon = sum(seconds <= 0.5 for seconds in orphan) / len(orphan)
    why = Counter(reason for _, _, reason in moves)
    print(
        f"moves: {len(moves)}, without a parent for: median {statistics.median(orphan) * 1000:.0f}"
        f" ms, p99 {orphan[place] * 1000:.0f} ms, most {orphan[-1] * 1000:.0f} ms;"
        f" {soon:.1%} within 500 ms; {dict(why.most_common(6))}"
    )


def _costs(audience: list[dict[str, Any]], stage: dict[str, Any], relay: float) -> None:
    node_seconds = sum(m["left"] - m["joined"] for part in audience for m in part["reports"])
    used = sum(part["cpu"] for part in audience)
    print(f"CPU of a listener: {used / max(node_seconds, 1) * 1000:.1f} ms/s")
    speakers = sum(m["left"] - m["joined"] for m in stage["reports"])
    print(
        f"CPU of a speaker: {stage['cpu'] / max(speakers, 1) * 1000:.1f} ms/s; relay: {relay:.0f} s"
    )
    nodes = [(len(part["reports"]), part["megabytes"]) for part in audience if part["reports"]]
    for count, megabytes in nodes:
        print(f"memory of a process that had {count} listeners: {megabytes:.0f} MB at most")
