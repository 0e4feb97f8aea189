"""Every bound of the program, with its unit and its reason."""

LOG_LINES = 500  # lines kept for the log screen
WAITING_CHANGES = 20_000  # people and spaces changed that a client may leave unread; then anew
WAITING_OCCURRENCES = 1_000  # messages that a client may leave unread before the oldest go
LINK_FRAME_BYTES = 16 * 1024 * 1024  # one snapshot of 10,000 participants is about 2 MB
INTENT_BYTES = 16 * 1024  # one intent on the controller's socket
LINK_CLIENTS = 16  # screens and scripts attached to one controller
SHOWN_CHAT_LINES = 500  # lines of one chat that screens show; older ones go
SHOWN_JOURNAL_LINES = 1_000  # acts of moderation that screens show; an export has all of them
SEEN_PEOPLE = 2_000  # people shown of a space or room that is only looked into
SIDE_INTENTS = 32  # intents that are carried out beside the others, each waiting for something
DROPPED_SECONDS = 5.0  # between two messages about what was dropped for one cause

# Spaces
SPACE_ID_LENGTH = 128  # characters; ours have 32, others write what they like
NAME_LENGTH = 80  # characters of a person's or a space's name
SUMMARY_LENGTH = 300  # characters of a space's summary
REASON_LENGTH = 200  # characters of a stated reason
MESSAGE_LENGTH = 200  # characters of the message in a proposal to speak
LANGUAGE_LENGTH = 16  # characters of a language tag (BCP 47): "pt-br", "zh-hant-tw"
TOPICS = 8  # topics of one space; what fits into a line
TOPIC_LENGTH = 40  # characters of one topic
WEB_URL_LENGTH = 500  # characters of a picture's address
FEWEST_SPACE_RELAYS = 2  # with fewer a space is lost when one of them is
SPACE_RELAYS = 4  # relays named in a space that we also connect to
SPEED_KBPS = 10_000_000  # 10 Gbit/s: above that a claim is a joke
AUDIO_OUTPUTS = 1_000  # consumers of one node; what one core can feed
CANDIDATES = 32  # ICE candidates in one event
CANDIDATE_EVENTS = 32  # of one connection in the making; a browser sends one for each candidate
DATED_TOPICS = 20_000  # last dates remembered by a writer
ACTED_AHEAD_SECONDS = 50  # an act on somebody is dated after the last one, this far ahead at most
DATED_AHEAD_SECONDS = 5  # an answer is dated after what it answers, by a clock this fast at most
MODERATION_EVENTS = 60_000  # acts of one space's host; of its co-hosts; of all others: 50 MB each
JOURNAL_EVENTS = 20_000  # acts of one space kept as they were signed
JOURNAL_BYTES = 16 * 1024 * 1024  # the same in bytes; a removal with its reason takes 800
PEOPLE = 20_000  # participants known in one space
EDGES = 40_000  # connections known in one space
HANDS = 1_000  # people whose speech requests are remembered in one space
HAND_CLAIM_SECONDS = 3_600  # a hand that nobody saw go up is up for so long at most
HAND_EVENTS = 256  # speech requests remembered of one person; at one in 15 s, an hour
FUTURE_SECONDS = 60  # events dated further ahead of our clock are refused
LOBBY_SPACES = 500  # spaces remembered in the lobby
LOBBY_ROOMS = 500  # rooms and streams of others remembered in the lobby
LOBBY_PEOPLE = 20_000  # people counted in the lobby, all spaces together; about 7 MB
LOBBY_ACTS = 20_000  # acts of moderation remembered in the lobby, all spaces together

# Rooms of NIP-53, chat
ROOM_STAGE = 64  # people on stage named in a space's announcement
ROOM_RECORDERS = 8  # people named there who record
RECORDERS = 64  # people remembered who say that they record
CHAT_LINES = 200  # messages kept of one room, the newest
CHAT_REACTIONS = 50  # reactions kept of one room, the newest
CHAT_LENGTH = 1_000  # characters of one message; beyond that it is an essay
CHAT_MENTIONS = 16  # people named in one message
CHAT_BURST = 5  # messages of one author within CHAT_BURST seconds, by their dates
CHAT_ARRIVALS = 20  # messages of one author taken at once as they arrive; then one a second
EMOJI_LENGTH = 32  # code points of one reaction; a family of four with skin tones has eleven
AUDIENCE = 1_000  # people of a room of others who are shown
PARTICIPANTS_CLAIMED = 1_000_000  # people that a room may claim to have; more is a joke
ROOM_ADMITTED = 800  # people named in a lock: 54 kB, since some relays take events of 64 kB only

# nostr: events, filters, keys, encodings
EVENT_BYTES = 128 * 1024  # one event in its NIP-01 form; many relays stop here or before
EVENT_TAGS = 2_000  # tags of one event; the usual max_event_tags of NIP-11
EVENT_KIND = 65_535  # kinds are 16 bit (NIP-01)
TIMESTAMP = 2**53 - 1  # seconds; the largest integer that every JSON reader holds exactly
FILTERS = 16  # filters of one subscription; relays accept 10 to 20
FILTER_VALUES = 1_000  # values of one list of a filter; more belongs into several subscriptions
PUBLIC_KEYS = 4_096  # authors whose keys are kept ready for the next signature; 2 MB
KEY_FILE_BYTES = 1_024  # a key file; an nsec has 63, the rest is white space
BECH32_CHARS = 5_000  # a NIP-19 entity; the bound that the NIP advises
RELAY_HINTS = 16  # relays named by one NIP-19 entity; further ones are left out
PLAINTEXT_BYTES = 65_535  # a NIP-44 v2 plaintext; the NIP's own bound
CONVERSATION_KEYS = 256  # NIP-44 keys that a signer remembers, least recently used goes first

# Controller process, settings and command line
SOCKET_PATH_BYTES = 103  # a Unix socket's address: 107 on Linux, 103 on macOS, without the NUL
SETTINGS_BYTES = 64 * 1024  # a settings file; ours has ten lines
OPTIONS_BYTES = 256 * 1024  # a background controller's options on its stdin
LOG_FILE_BYTES = 1024 * 1024  # a log file; one older file of that size is kept beside it
START_SECONDS = 15.0  # until a background controller answers; a slow disk reads libraries for 5
STOP_SECONDS = 20.0  # leaving properly; after that the process ends itself
DRAIN_SECONDS = 2.0  # for clients to read their last messages when the controller ends
SETTING_CHARS = 1_024  # a URL, a path or a device's name in the settings
ICE_SERVERS = 8  # STUN and TURN servers; each one delays gathering
WAITING_DRAFTS = 1_000  # events of one session that wait to be signed
SPACE_PASSWORD_CHARS = 1_024  # of a space's password that count; nobody types more
THROTTLED = 10_000  # people whose rate is remembered by one throttle; about 1.5 MB
WAITING_OFFERS = 256  # peers that we said yes to and whose offer has not come; about 1 MB
HANDLED_SIGNALS = 4_096  # signalling events remembered, so that none is played back in its minute
EARLY_REQUESTS = 64  # connection requests kept until the asker's JOIN or promotion is here
INSTEAD = 4  # peers named in a refusal; who finds none of them free asks by what they know
REFUSALS = 1_000  # peers remembered for having refused us

# Screens
SCREEN_TEXT_CHARS = 320  # of one text from outside that are looked at before it is cut to its row
WAITING_INTENTS = 8  # intents kept while the first connection to the controller is made
THEME_FILE_BYTES = 64 * 1024  # one theme; ours have under 1 kB
THEME_FILES = 64  # themes read from one folder
REFRESH_SECONDS = 0.08  # changes of the view that arrive within this time are drawn at once
METER_SECONDS = 0.1  # meters are drawn at most this often
METER_FALL_SECONDS = 0.5  # without news for this long, all meters fall to nothing
NOTICE_SECONDS = 8.0  # a one-line notice stays this long
KEY_REPEAT_SECONDS = 0.15  # a key pressed again this soon is held down; keyboards repeat in 0.03
REACTION_SECONDS = 6.0  # an emoji stands beside the name of who sent it for this long
SHOWN_REACTIONS = 200  # emojis of as many people shown at once
CHAT_ROWS = 16  # rows of one message of the chat; 1,000 characters have 14 at 80 columns
RECONNECT_SECONDS = (0.5, 10.0)  # first and longest wait before attaching to a controller again

# Sound
AUDIO_ORIGINS = 32  # people heard at the same time; the stage holds three, a hostile peer no more
AUDIO_INBOX = 2_048  # packets waiting for the sound card: 2 s of 20 speakers
AUDIO_PAYLOAD_BYTES = 1_500  # one Opus packet; what fits into one datagram
AUDIO_RELEASE_SECONDS = 5.0  # an origin silent for so long gives its decoder back
VOLUMES = 1_024  # people whose volume was changed by hand
CAPTURE_BLOCKS = 50  # blocks of 10 ms that wait for the event loop: half a second
JITTER_PACKETS = 256  # packets waiting per origin; the longest delay in packets of 2.5 ms
JITTER_WINDOW = 500  # arrivals judged for the delay: 10 s of packets
JITTER_DELAY = (0.020, 0.400)  # seconds; shortest and longest aim of the jitter buffer
JITTER_SPAN = 0.500  # seconds of sound waiting; beyond that the oldest goes, to be live again

# nostr: relays and the pool
RELAYS = 32  # relays of one pool
RELAY_LIST_SECONDS = 1.5  # for relays to send somebody's relay list, on the way into a space
LISTED_RELAYS = 16  # of one NIP-65 list and direction; the NIP advises two to four
LISTED_TAGS = 256  # tags of a NIP-65 list that are looked at
RELAY_URL_CHARS = 255  # a relay's address; NIP-19 cannot carry a longer one
RELAY_TEXT_CHARS = 200  # a NOTICE or reason that is shown; the rest is cut off
RELAY_FRAME_BYTES = 1024 * 1024  # beyond it the connection ends; above EVENT_BYTES so that one
# oversized event that a relay has stored is dropped, and does not cost us the relay
RELAY_PARSE_BYTES = 1024  # of a handshake that are parsed at one go
RELAY_TURN_FRAMES = 16  # parsed at one go; pings cost most, a quarter of a millisecond
RELAY_TURN_BYTES = 8 * 1024  # handled of one relay before others have their turn; 0.5 ms
RELAY_WRITE_BYTES = 16 * 1024 * 1024  # unsent bytes beyond which a relay counts as stuck
RELAY_BAD_FRAMES = 1_000  # undecodable or forged, of one connection; then the relay is left alone
RELAY_NOTICES = 16  # of one connection that are surfaced; the others are only counted
RELAY_OPEN_SECONDS = 10.0  # name, TCP, TLS and WebSocket handshake together
RELAY_PING_SECONDS = 10.0  # between pings, and until a ping without a pong ends the connection
RELAY_CLOSE_SECONDS = 1.0  # closing handshake; quitting must not hang on a dead relay
RELAY_USELESS_FRAMES = 20_000  # more than useful ones, of one connection; nobody asked for them
AUTH_CHALLENGES = 8  # of one connection that are answered: each costs a signature (NIP-42)
CHALLENGE_CHARS = 256  # a challenge; usual are 32
AUTH_AGE_SECONDS = 600  # between the date of an authentication and our clock; the NIP's example
INFORMATION_BYTES = 64 * 1024  # a relay information document (NIP-11); usual are 2 kB
INFORMATION_SECONDS = 5.0  # for a relay to send it
MEMORY_SECONDS = 3.0  # after an OK, until a relay is asked for what it took
REMEMBERED_KINDS = 128  # kinds of which a relay's refusal or memory is noted
RETRY_FIRST_SECONDS = 1.0  # first pause before connecting again; it doubles, with jitter
RETRY_LONGEST_SECONDS = 60.0  # longest pause between attempts
RETRY_STABLE_SECONDS = 30.0  # a connection that lasted this long starts again with the first pause
RESUBSCRIBE_OVERLAP = 900  # seconds asked for again after a gap: clocks of authors differ
SUBSCRIPTIONS = 64  # open at once; many relays accept only 20
REQ_BYTES = 64 * 1024  # one REQ; the max_message_length of common relays
PENDING_PUBLISHES = 1_024  # events per relay that wait for their OK
PENDING_PUBLISH_BYTES = 4 * 1024 * 1024  # the same in bytes
SEEN_EVENTS = 16_384  # verified ids remembered, about 8 MB; covers the answers of slower relays
FETCHED_EVENTS = 10_000  # of one fetch; a relay that sends more is cut off
PAGE_LEAST = 50  # events; a relay that cuts its answers sends more (500, rarely 100)
PAGES = 500  # of one subscription at one relay
PAGED_EVENTS = 50_000  # stored events of one subscription at one relay; a long space with a crowd
CLOSED_RETRIES = 6  # times a subscription that a relay ended is asked for again; about a minute
FETCH_GRACE_SECONDS = 1.0  # how long a complete fetch waits for relays that are still connecting

# WebRTC
SDP_BYTES = 64 * 1024  # a session description; ours has 6 kB, a browser's 8
SDP_AUDIO_LINES = 16  # audio lines of one connection; ours offers four
SDP_LINES = 24  # media lines of any kind; each one costs a transceiver
CONSENT_QUESTIONS = 8  # on one path at a time; each waits 1.5 s for its answer
CANDIDATE_CHARS = 512  # one ICE candidate
REMOTE_CANDIDATES = 64  # ICE candidates taken of one peer; each one is checked from every address
MEDIA_IDS = 16  # streams learnt by their RTP media id on one connection
OPUS_BYTES = 1_275  # one Opus frame (RFC 6716); also what fits beside the headers into a datagram
DATAGRAM_BYTES = 1_500  # one datagram; libsrtp's buffer in aiortc ends there
WAITING_DATAGRAMS = 512  # of one connection while the loop is busy: 2 s of four speakers
RETRANSMISSION_RING = 64  # packets of one output kept for NACK: 1.3 s; a power of two
RETRANSMISSIONS = 3  # of one packet, whoever asks how often
MISSING_PACKETS = 32  # lost packets of one stream that are asked for at a time
SEQUENCE_JUMP = 256  # packets (5 s); a longer jump is another stream, not a loss
CHANNEL_BYTES = 4 * 1024  # one message on the data channel
CHANNEL_BUFFER_BYTES = 64 * 1024  # unsent messages of one data channel
CHANNELS = 8  # data channels that the other side may open; we use one
SLOTS = 16  # origins in one announcement of slots
CONNECT_SECONDS = 15.0  # from both descriptions to a connection; DTLS over a bad path takes some
ICE_SERVER_SECONDS = 10.0  # for an answer of a STUN or TURN server
CLOSE_SECONDS = 3.0  # for a connection to end; a dead TURN server would hold it for half a minute
DROP_REASONS = 100  # different reasons counted for what was dropped
ANSWER_SECONDS = 5.0  # until a running controller shows its view to a command

# relay
RELAY_CONNECTIONS = 1_000  # sockets of one relay; a process may often open 1,024 files
RELAY_MESSAGE_BYTES = 128 * 1024  # one message from a client, the event inside included
RELAY_SUBSCRIPTIONS = 32  # of one connection; ours uses fewer than ten
RELAY_FILTER_VALUES = 10_000  # values in all filters of one connection, some 1 MB in the index
RELAY_LIMIT = 5_000  # stored events sent for one filter; further ones by `until`
RELAY_SUBID_CHARS = 64  # a subscription id (NIP-01)
RELAY_CONTENT_CHARS = 64 * 1024  # content of one event; a large SDP has 10 kB
RELAY_FUTURE_SECONDS = 900  # an event may be dated ahead by a clock that runs wrong, not more
RELAY_MESSAGES_PER_SECOND = 500.0  # events, queries and counts of one connection, sustained
RELAY_MESSAGE_BURST = 5_000  # the same at once: somebody moving a whole history here
RELAY_SEND_BUFFER_BYTES = 1024 * 1024  # waiting for one reader; who is further behind is dropped
RELAY_READ_BYTES = 256 * 1024  # stored events in memory at once for one connection
RELAY_WRITE_BATCH = 256  # events committed together; more would delay the queries behind them
RELAY_QUERY_SECONDS = 0.5  # processor time of one query; an indexed one takes a hundredth
RELAY_STORE_BYTES = 1024**3  # the database; a million events of a space
RELAY_SERVER_OPEN_SECONDS = 5.0  # for the opening handshake
RELAY_SERVER_PING_SECONDS = 30.0  # between pings, and for their answer
RELAY_SERVER_CLOSE_SECONDS = 1.0  # for the closing handshake
RELAY_SWEEP_SECONDS = 1.0  # between looks for readers that lag without being written to
RELAY_PURGE_SECONDS = 60.0  # between removals of expired events; they are never served meanwhile
LOG_TEXT = 500  # characters of one line of the log screen
MAILBOX_INTENTS = 256  # intents that wait to be carried out
LIST_SECONDS = 5.0  # until `spaces list` shows what has come
DOCTOR_SECONDS = 5.0  # for a relay to answer the doctor

# nostr: the cache
CACHE_EVENTS = 5_000  # events of one kind; what was not used for longest goes first
CACHE_BYTES = 8 * 1024 * 1024  # of one kind; 5,000 profiles take about 5 MB
CACHE_FOUND = 10_000  # events of one read
CACHE_WAITING = 5_000  # events that wait for the disk; the lobby's first minute brings hundreds
CACHE_USE_SECONDS = 3_600  # how exactly it is remembered when an event was last used
CACHE_READ_SECONDS = 1.0  # after that the relays answer as well
CACHE_LOCK_SECONDS = 1.0  # for another process that is writing; a commit takes milliseconds
CACHE_CLOSE_SECONDS = 2.0  # for the last commit; quitting must not hang on a dead disk
CACHE_FILES_ASIDE = 9  # damaged or foreign files that are kept beside the cache

# Keys, accounts and remote signers
SCRYPT_LOG_N = 20  # NIP-49: 2^20 KiB, a gigabyte, while a password is tried; more is refused
KEY_PASSWORD_CHARS = 8  # least length of a password that we encrypt a key with
KEY_PASSWORD_BYTES = 1_024  # the same as UTF-8, at most
WORDS_CHARS = 512  # the words of a key; 24 of 8 letters have 215
ACCOUNTS = 64  # kept on one machine
ACCOUNTS_BYTES = 256 * 1024  # accounts.json; one account has under 1 kB
LABEL_LENGTH = 40  # characters of an account's label
ACCOUNTS_LOCK_SECONDS = 5.0  # until another process has written accounts.json
KEYRING_SECONDS = 90.0  # for the desktop's keyring, whose owner may have to type a password
KEYRING_NOTICE_SECONDS = 1.0  # after that the user is told where to look
REMOTE_RELAYS = 4  # relays used to reach one remote signer
REMOTE_REQUESTS = 256  # requests in flight at one remote signer
REMOTE_SECONDS = 30.0  # for an answer; a person may have to tap a phone
REMOTE_APPROVAL_SECONDS = 300.0  # for a first connection, or to approve on a page that is opened
REMOTE_ADDRESS_CHARS = 2_048  # a bunker:// address, or the address of a page to open

# People
ABOUT_LENGTH = 500  # characters of what somebody writes about themselves
NIP05_CHARS = 320  # name@domain: 64, an @ and 253, as in mail
LINK_CHARS = 512  # a link to a picture; a longer one is left out
PROFILES = 20_000  # people whose profiles are remembered, some 10 MB; as many as fit in one space
PROFILES_WAITING = 20_000  # people who wait to be looked up; further ones may be wanted again
PROFILE_BATCH = 200  # authors of one question; some relays send no more than 500 events
PROFILE_BATCH_SECONDS = 0.1  # who is wanted within this time shares a question
PROFILE_SECONDS = 4.0  # for relays to answer; a slower one is not waited for
PROFILE_FRESH_SECONDS = 3_600  # until a known profile may be asked for again
PROFILE_MISSING_SECONDS = 600  # the same for somebody without one
PROFILE_RETRY_SECONDS = 5.0  # until relays that did not answer are asked again
PEOPLE_CHANGED_SECONDS = 0.1  # changes of one person within this time are told once
LIST_READ_SECONDS = 8.0  # for relays to show the list that is about to be replaced
HIDDEN_HERE = 2_000  # people hidden or shown again whose list could not be written
NIP05_WORKERS = 4  # domains asked at the same time
NIP05_WAITING = 1_000  # people who wait to be checked
NIP05_REQUESTS = 60  # a minute, to all domains together
NIP05_PER_DOMAIN = 20  # a minute, to one of them
NIP05_REMEMBERED = 10_000  # answers of domains
NIP05_YES_SECONDS = 6 * 3_600  # a domain that vouches for somebody is believed so long
NIP05_NO_SECONDS = 3_600  # the same for one that does not
NIP05_RETRY_SECONDS = 300  # until a domain that did not answer is asked again
HTTPS_SECONDS = 8.0  # one request: name, TCP, TLS, answer
HTTPS_BYTES = 256 * 1024  # one answer; domains with thousands of names send them all
HTTPS_ADDRESSES = 3  # of one host that are tried
