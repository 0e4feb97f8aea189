"""Every bound of the program, with its unit and its reason."""

LOG_LINES = 500  # lines kept for the log screen
WAITING_OCCURRENCES = 1_000  # messages that a client may leave unread before the oldest go
LINK_FRAME_BYTES = 16 * 1024 * 1024  # one snapshot of 10,000 participants is about 2 MB
INTENT_BYTES = 16 * 1024  # one intent on the controller's socket
LINK_CLIENTS = 16  # screens and scripts attached to one controller
