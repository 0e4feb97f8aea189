"""WebRTC: one connection to one peer, and which of the voices that we hear goes to whom.

aiortc does SDP, ICE, DTLS, SRTP and SCTP. What travels above SRTP is ours: packets are forwarded as
they were encoded, nothing is decoded here, and aiortc's jitter buffer and encoder never run.
"""
