"""Sound: microphone to Opus packets, Opus packets to speaker, and fakes for both ends.

48 kHz mono float32 in [-1, 1] everywhere. Import the module you need; this package imports nothing,
so that a machine without PortAudio pays and misses nothing until it asks for sound.
"""
