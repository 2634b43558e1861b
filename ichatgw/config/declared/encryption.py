# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of the encryption of media with SIP phones.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import SWITCH, choice
from ichatgw.config.reading.reader import Reload

_ENCRYPTION = "Encryption of media with SIP"


@frozen(kw_only=True, slots=False)
class EncryptionSettings:
    """What the administrator has decided about the encryption of media with SIP phones."""

    sipMediaEncryption: str = setting(
        _ENCRYPTION,
        "SIPMediaEncryption",
        choice("never", "optional", "required"),
        "optional",
        "Whether media with SIP phones is encrypted (SRTP): never, optional (it is offered where keys are safe, and"
        " taken from phones that offer it; all others talk as ever) or required (other calls are refused, both ways)."
        " It has no bearing on iChats, which have no SRTP.",
        reload=Reload.NEW_CALLS,
    )
    sipMediaKeys: str = setting(
        _ENCRYPTION,
        "SIPMediaKeys",
        choice("sdes", "dtls"),
        "sdes",
        "How keys are agreed on in calls to SIP phones: sdes (in the signalling, which has to go over TLS) or dtls"
        " (DTLS-SRTP, over whatever transport). Phones that call choose themselves. With sdes, and if encryption is"
        " required, calls that do not go over TLS are offered dtls.",
        reload=Reload.NEW_CALLS,
    )
    sipMediaKeysInClear: bool = setting(
        _ENCRYPTION,
        "SIPMediaKeysInClear",
        SWITCH,
        False,
        "Whether keys may stand in signalling that does not go over TLS. Those who can read it can listen in then: it"
        " makes sense where something else protects the signalling, such as a VPN.",
        reload=Reload.NEW_CALLS,
    )
    sipOffersICE: bool = setting(
        _ENCRYPTION,
        "SIPOffersICE",
        SWITCH,
        False,
        "Whether calls to SIP phones are offered ICE. Browsers behind a SIP server take no offer without it, and want"
        " SIPMediaEncryption = required and SIPMediaKeys = dtls as well; phones that do not know it pass it over, but"
        " media never goes between two phones without the gateway then. Phones that offer ICE are answered with it,"
        " whatever stands here.",
        reload=Reload.NEW_CALLS,
    )
