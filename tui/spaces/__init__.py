"""Audio spaces: signed events in, one state out, and the sound that follows from it.

Pure: `events` are the typed values, `codec` reads them, `writer` drafts ours, `roles` says who may
do what, `state` is the fold, `tree` chooses whom to listen to. With I/O: `session` takes part in
one space by means of `inbox` (what relays say), `wire` (what we say), `connections` (made by
`attempts`, wished for by `planner`) and `sound`; `lobby` and `lookup` find spaces.
"""
