"""
Mailboxes of voicemail at servers that tell of them only if they are asked to (RFC 3842, RFC 6665).
"""
