"""The background process that owns relays, peers, microphone and speaker, and the link to it.

`intents`, `views` and `link` are what a screen may import; they load nothing heavy.
"""
