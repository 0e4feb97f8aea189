"""What people say of themselves: the metadata of kind 0 (NIP-01, NIP-24), cleaned and bounded."""

from typing import Final

import msgspec

from tui.config import limits
from tui.nostr.event import BAD_JSON, Event
from tui.nostr.text import clean_text

PROFILE: Final = 0
"""The kind of a profile."""


class Profile(msgspec.Struct, frozen=True, gc=False):
    """Texts of one line, any of which may be empty; nobody has checked whether they are true."""

    name: str = ""
    display_name: str = ""
    about: str = ""
    picture: str = ""  # an http(s) address
    nip05: str = ""

    @property
    def shown_name(self) -> str:
        """The name to show; empty if there is none."""
        return self.display_name or self.name


class _Metadata(msgspec.Struct):
    # Raw: a field of a wrong type costs nothing but itself, and hostile nesting is never built.
    name: msgspec.Raw = msgspec.Raw()
    username: msgspec.Raw = msgspec.Raw()
    display_name: msgspec.Raw = msgspec.Raw()
    display_name_once: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="displayName")
    about: msgspec.Raw = msgspec.Raw()
    picture: msgspec.Raw = msgspec.Raw()
    nip05: msgspec.Raw = msgspec.Raw()


_decoder: Final = msgspec.json.Decoder(_Metadata)
_text_decoder: Final = msgspec.json.Decoder(str)


def read_profile(event: Event) -> Profile:
    """The profile in an event of kind 0; what cannot be read counts as not given."""
    try:
        found = _decoder.decode(event.content)
    except BAD_JSON:
        return Profile()
    return Profile(
        name=_name(found.name) or _name(found.username),
        display_name=_name(found.display_name) or _name(found.display_name_once),
        about=_text(found.about, limits.ABOUT_LENGTH),
        picture=_link(found.picture),
        nip05=_text(found.nip05, limits.NIP05_CHARS),
    )


def _name(raw: msgspec.Raw) -> str:
    return _text(raw, limits.NAME_LENGTH)


def _text(raw: msgspec.Raw, limit: int) -> str:
    try:
        return clean_text(_text_decoder.decode(raw), limit) if raw else ""
    except BAD_JSON:
        return ""


def _link(raw: msgspec.Raw) -> str:
    # One character more than allowed: an address that had to be cut leads elsewhere.
    link = _text(raw, limits.LINK_CHARS + 1)
    sound = link.startswith(("https://", "http://")) and " " not in link
    return link if sound and len(link) <= limits.LINK_CHARS else ""
