"""
SIP: sippy's messages, transactions and dialogs on our reactor.  Nothing outside this package imports sippy.

L{ichatgw.sip.reactor} comes first, whichever module is imported: it readies sippy.
"""

import ichatgw.sip.reactor  # noqa: F401
