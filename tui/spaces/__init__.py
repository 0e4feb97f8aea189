"""Audio spaces: signed events in, one state out, and the sound that follows from it.

`codec` turns verified events into typed values and back, `roles` says who may do what, `state` is
the fold, `tree` chooses whom to listen to; only `session`, `connections` and `lobby` do I/O.
"""
