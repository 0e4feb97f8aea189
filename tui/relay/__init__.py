"""Embedded Nostr relay: WebSockets in front of SQLite."""
