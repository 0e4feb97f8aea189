"""What every system stands on: events, filters, keys, encodings, relays and the pool."""
