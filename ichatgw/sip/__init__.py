"""
SIP: sippy's messages, transactions and dialogs on our reactor.  Nothing outside this package imports sippy.

L{ichatgw.sip.sippylib.clock} comes first, whichever module is imported: it readies sippy.
"""

import ichatgw.sip.sippylib.clock  # noqa: F401
