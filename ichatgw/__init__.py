"""
A gateway that joins XMPP callers and SIP phones for audio calls.

Start reading at L{ichatgw.tap.gateway}, where the parts meet, and at L{ichatgw.calls.call}, which knows what a call is.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ichatgw")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"
