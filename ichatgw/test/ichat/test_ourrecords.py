# -*- test-case-name: ichatgw.test.ichat.test_ourrecords -*-
"""
Tests for L{ichatgw.ichat.ourrecords}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.ourrecords import OurRecords
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses


class OurRecordsTests(SynchronousTestCase):
    """What iChats are told of our addresses."""

    def test_records(self) -> None:
        """Each address is named eth and a number, with the SIP port; the list is asked for anew now and then."""
        clock = Clock()
        addresses = LocalAddresses("192.0.2.10")
        records = OurRecords(clock, addresses, lambda: 5070)
        known = records()
        self.assertEqual(known, (AddressRecord("eth0", TransportAddress("192.0.2.10", 5070)),))
        addresses.configured = "192.0.2.11"
        self.assertIs(records(), known)
        clock.advance(31)
        self.assertEqual(records()[0].address.host, "192.0.2.11")
