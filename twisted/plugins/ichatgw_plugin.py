"""Makes C{twistd} list C{ichatgw}."""

from twisted.application.service import ServiceMaker

ichatgw = ServiceMaker(
    "iChat gateway",
    "ichatgw.tap",
    "Joins XMPP users (Jingle, iChat) and SIP phones for audio calls.",
    "ichatgw",
)
