"""
A Jingle client on slixmpp and aiortc, for C{make interop}: a program of its own, in an environment of its own.

What is proved by it is our ICE, DTLS and SRTP, against aioice, OpenSSL and libsrtp as aiortc uses them.  How its
sessions are written in Jingle is ours too, and proves nothing: that is Chromium's part.
"""
