"""Every bound of the program, with its unit and its reason."""

LOG_LINES = 500  # lines kept for the log screen
WAITING_OCCURRENCES = 1_000  # messages that a client may leave unread before the oldest go
LINK_FRAME_BYTES = 16 * 1024 * 1024  # one snapshot of 10,000 participants is about 2 MB
INTENT_BYTES = 16 * 1024  # one intent on the controller's socket
LINK_CLIENTS = 16  # screens and scripts attached to one controller

# Spaces
SPACE_ID_LENGTH = 128  # characters; ours have 32, others write what they like
NAME_LENGTH = 80  # characters of a person's or a space's name
SUMMARY_LENGTH = 300  # characters of a space's summary
REASON_LENGTH = 200  # characters of a stated reason
SPACE_RELAYS = 4  # relays named in a space that we also connect to
SPEED_KBPS = 10_000_000  # 10 Gbit/s: above that a claim is a joke
AUDIO_OUTPUTS = 1_000  # consumers of one node; what one core can feed
CANDIDATES = 32  # ICE candidates in one event
DATED_TOPICS = 20_000  # last dates remembered by a writer
MODERATION_EVENTS = 50_000  # role changes kept for one space
PEOPLE = 20_000  # participants known in one space
HAND_EVENTS = 256  # speech requests remembered of one person; at one in 15 s, an hour
FUTURE_SECONDS = 60  # events dated further ahead of our clock are refused
LOBBY_SPACES = 500  # spaces remembered in the lobby

# nostr: events, filters, keys, encodings
EVENT_BYTES = 128 * 1024  # one event in its NIP-01 form; many relays stop here or before
EVENT_TAGS = 2_000  # tags of one event; the usual max_event_tags of NIP-11
EVENT_KIND = 65_535  # kinds are 16 bit (NIP-01)
TIMESTAMP = 2**53 - 1  # seconds; the largest integer that every JSON reader holds exactly
FILTERS = 16  # filters of one subscription; relays accept 10 to 20
FILTER_VALUES = 1_000  # values of one list of a filter; more belongs into several subscriptions
KEY_FILE_BYTES = 1_024  # a key file; an nsec has 63, the rest is white space
BECH32_CHARS = 5_000  # a NIP-19 entity; the bound that the NIP advises
RELAY_HINTS = 16  # relays named by one NIP-19 entity; further ones are left out
PLAINTEXT_BYTES = 65_535  # a NIP-44 v2 plaintext; the NIP's own bound
CONVERSATION_KEYS = 256  # NIP-44 keys that a signer remembers, least recently used goes first
