"""
The namespaces of Jingle calls, and what each stands for.
"""

from __future__ import annotations

NS_JINGLE = "urn:xmpp:jingle:1"
NS_JINGLE_ERRORS = "urn:xmpp:jingle:errors:1"
NS_RTP = "urn:xmpp:jingle:apps:rtp:1"
NS_RTP_AUDIO = "urn:xmpp:jingle:apps:rtp:audio"
NS_RTP_INFO = "urn:xmpp:jingle:apps:rtp:info:1"
NS_RTP_ERRORS = "urn:xmpp:jingle:apps:rtp:errors:1"
NS_DTLS = "urn:xmpp:jingle:apps:dtls:0"
NS_ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"
NS_RAW_UDP = "urn:xmpp:jingle:transports:raw-udp:1"
NS_DTMF = "urn:xmpp:jingle:dtmf:0"
NS_GROUPING = "urn:xmpp:jingle:apps:grouping:0"
NS_MESSAGE = "urn:xmpp:jingle-message:0"
NS_HINTS = "urn:xmpp:hints"
