"""The action registry: what can be done, with which key, where, and whether now."""
