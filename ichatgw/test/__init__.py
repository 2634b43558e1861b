"""
Tests.

They import sippy too, and their order is shuffled: L{ichatgw.sip.sippylib.clock} comes first, whichever module is
imported, as it does in L{ichatgw.sip}.
"""

import ichatgw.sip.sippylib.clock  # noqa: F401
