"""Live audio spaces over Nostr, in a terminal."""

__version__ = "0.1.0"
