from sippy.SipAddressHF import SipAddressHF

class SipContact(SipAddressHF):
    asterisk: bool
