"""Live audio spaces over Nostr, in a terminal."""

__version__ = "0.3.0"
