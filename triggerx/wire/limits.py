"""The sizes and times that every peer holds every other to; PROTOCOL.md repeats them, a test holds the two equal.

A limit is part of the protocol: what one node sends, every other must accept.
"""

from typing import Final

from triggerx.core.document import DOCUMENT_BYTES_MAX

ENVELOPE_BYTES_MAX: Final = 512 * 1024
"""One frame on a stream: the largest payload and its wrapping, well below the 1 MiB at which libp2p loses messages."""

ENVELOPE_OVERHEAD_BYTES_MAX: Final = 256
"""What an envelope adds to its payload: 20 + 42 + 16 + 65 bytes, three numbers of at most 9, and their headers."""

ANNOUNCEMENT_BYTES_MAX: Final = 8 * 1024
"""A gossiped envelope: the longest check-in has 16 addresses of 256 bytes; everybody pays for every announcement."""

ADDRESSES_MAX: Final = 16  # a host with several interfaces, each by two or three transports
ADDRESS_CHARACTERS_MAX: Final = 256  # a DNS name has at most 253
VERSION_CHARACTERS_MAX: Final = 64
CODE_CHARACTERS_MAX: Final = 64  # codes are short identifiers (core/validation.py)
TEXT_CHARACTERS_MAX: Final = 512  # a reason for people; the facts are in the code

ROSTER_MAX: Final = 4096
"""Operators in one draw; 4,096 ids of four digits are 12 kB in every assignment."""

BODY_BYTES_MAX: Final = 128 * 1024
"""A job's canonical JSON; with a large ABI it is about 30 kB. With the evidence it must fit a task document."""

EVIDENCE_BYTES_MAX: Final = 64 * 1024
"""What a trigger was seen to be: a log with its data, or a source's answer."""

CONTENT_BYTES_MAX: Final = DOCUMENT_BYTES_MAX

VOTES_MAX: Final = 16
"""Votes in one announcement: with the longest codes there are they fit it."""

ORDERS_MAX: Final = 64
"""Orders in one request: a burst of triggers in a block. They fit a frame together, or travel in several."""

ENVELOPES_MAX: Final = 512
"""Announcements in one reply: a few epochs of a hundred operators."""

ENVELOPES_BYTES_MAX: Final = 384 * 1024
"""Their bytes together, so that the reply fits a frame."""

CLOCK_SKEW_S: Final = 30
"""How far ahead of ours a sender's clock may be; a machine without NTP drifts that far in about two weeks."""

LIFETIME_S_MAX: Final = 24 * 3600
"""From issue to expiry at most: nonces are remembered that long, and a node away for a day can still catch up."""
