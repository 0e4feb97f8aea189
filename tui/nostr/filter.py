"""Filters (NIP-01): which events a subscription wants. No prefixes: values match whole."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from tui.config import limits
from tui.nostr.event import Event

_HEX32: Final = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T", str, int)
_TAG_NAME: Final = re.compile(r"#[A-Za-z]")


class InvalidFilter(ValueError):
    """A filter that NIP-01 does not allow; the text says why."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that all must hold; None is no condition, an empty tuple matches nothing.

    `tags` maps single letters (without `#`) to the values of which one must be present; `since`
    and `until` are seconds, both inclusive; `limit` bounds what a relay sends from its store.
    """

    ids: tuple[str, ...] | None = None
    authors: tuple[str, ...] | None = None
    kinds: tuple[int, ...] | None = None
    tags: dict[str, tuple[str, ...]] = {}
    since: int | None = None
    until: int | None = None
    limit: int | None = None

    def matches(self, event: Event) -> bool:
        """Whether the event meets every condition; `limit` is none."""
        return (
            (self.kinds is None or event.kind in self.kinds)
            and (self.since is None or event.created_at >= self.since)
            and (self.until is None or event.created_at <= self.until)
            and (self.authors is None or event.pubkey in self.authors)
            and (self.ids is None or event.id in self.ids)
            and all(
                any(value in wanted for value in event.values(name))
                for name, wanted in self.tags.items()
            )
        )


def matcher(filters: Sequence[Filter]) -> Callable[[Event], bool]:
    """Whether an event matches any of the filters: prepared once, for many events."""
    checks = tuple(map(_prepared, filters))
    if len(checks) == 1:
        return checks[0]

    def matches_any(event: Event) -> bool:
        for check in checks:  # noqa: SIM110 - a generator would cost more than most checks
            if check(event):
                return True
        return False

    return matches_any


def _prepared(wanted: Filter) -> Callable[[Event], bool]:
    kinds, authors, ids = (
        None if values is None else frozenset(values)
        for values in (wanted.kinds, wanted.authors, wanted.ids)
    )
    since = 0 if wanted.since is None else wanted.since
    until = limits.TIMESTAMP if wanted.until is None else wanted.until
    tags = tuple((name, frozenset(values)) for name, values in wanted.tags.items())

    def matches(event: Event) -> bool:
        if (
            (kinds is not None and event.kind not in kinds)
            or not since <= event.created_at <= until
            or (authors is not None and event.pubkey not in authors)
            or (ids is not None and event.id not in ids)
        ):
            return False
        for name, values in tags:
            for tag in event.tags:
                if tag[0] == name and len(tag) > 1 and tag[1] in values:
                    break
            else:
                return False
        return True

    return matches


def encode_filter(filter_: Filter) -> dict[str, Any]:
    """The filter as the JSON object of a REQ."""
    fields = ("ids", "authors", "kinds", "since", "until", "limit")
    obj = {name: value for name in fields if (value := getattr(filter_, name)) is not None}
    return obj | {f"#{letter}": values for letter, values in filter_.tags.items()}


def check_filter(obj: object) -> Filter:
    """A filter from decoded JSON; raises InvalidFilter, also on a condition that is unknown.

    To ignore an unknown condition would answer more than was asked for.
    """
    if not isinstance(obj, dict):
        raise InvalidFilter("a filter is an object")
    fields: dict[str, Any] = {}
    tags: dict[str, tuple[str, ...]] = {}
    for name, value in obj.items():
        match name:
            case "ids" | "authors" | "#e" | "#p":
                checked = _values(name, value, str)
                if not all(_HEX32.fullmatch(item) for item in checked):
                    raise InvalidFilter(f"{name}: not 64 lower-case hex digits")
                if name[0] == "#":
                    tags[name[1]] = checked
                else:
                    fields[name] = checked
            case "kinds":
                fields[name] = _values(name, value, int)
            case "since" | "until" | "limit":
                fields[name] = _number(name, value)
            case str() if _TAG_NAME.fullmatch(name):
                tags[name[1]] = _values(name, value, str)
            case _:
                raise InvalidFilter("unknown condition")
    return Filter(tags=tags, **fields)


def _values(name: str, value: object, kind: type[_T]) -> tuple[_T, ...]:
    if not isinstance(value, list | tuple) or len(value) > limits.FILTER_VALUES:
        raise InvalidFilter(f"{name}: not a list of at most {limits.FILTER_VALUES} values")
    if not all(type(item) is kind for item in value):
        raise InvalidFilter(f"{name}: a value is not of type {kind.__name__}")
    return tuple(value)


def _number(name: str, value: object) -> int:
    if type(value) is not int or not 0 <= value <= limits.TIMESTAMP:
        raise InvalidFilter(f"{name}: not a whole number from 0 on")
    return value
