"""Bytes between peers and back: signed envelopes around the messages of `triggerx.core.messages`; see PROTOCOL.md."""
