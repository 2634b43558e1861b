# -*- test-case-name: ichatgw.test.ichat.test_connectdata -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.connectdata}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.ichat.connectdata import MAX_RECORDS, AddressRecord, choose, decode, encode
from ichatgw.model import TransportAddress

ETH0 = "0000000065746830000000000000000000000000c000020a00000000000000000000000013ce0000"
ETH1 = "000000016574683100000000000000000000000020010db800000000000000000000001013ce0000"
#: From a capture of an iChat 5: en1, 192.168.1.132:16402, with the rest of an IPv6 address after the IPv4 one.
EN1 = "00000000656e310000000000000000000000000" + "0" + "c0a8018400000000d69a20fffe63f74240120000"

RECORD4 = AddressRecord("eth0", TransportAddress("192.0.2.10", 5070))
RECORD6 = AddressRecord("eth1", TransportAddress("2001:db8::10", 5070))


def record(name: str, host: str, port: int = 16402) -> AddressRecord:
    return AddressRecord(name, TransportAddress(host, port))


class EncodeTests(SynchronousTestCase):
    """L{encode}."""

    def test_ipv4(self) -> None:
        """An IPv4 record has zero flags and zeros after the address."""
        self.assertEqual(encode([RECORD4]), ETH0)

    def test_ipv6(self) -> None:
        """An IPv6 record has the flags C{00000001}."""
        self.assertEqual(encode([RECORD6]), ETH1)

    def test_several(self) -> None:
        """Records follow each other without a separator; none give an empty text."""
        self.assertEqual(encode([RECORD4, RECORD6]), ETH0 + ETH1)
        self.assertEqual(encode([]), "")

    def test_longName(self) -> None:
        """A name fills its 16 bytes without a terminator, and no more."""
        self.assertEqual(decode(encode([record("n" * 20, "192.0.2.1")])), (record("n" * 16, "192.0.2.1"),))


class DecodeTests(SynchronousTestCase):
    """L{decode}."""

    def test_examples(self) -> None:
        """What we write we can read."""
        self.assertEqual(decode(ETH0 + ETH1), (RECORD4, RECORD6))

    def test_capture(self) -> None:
        """Stale bytes after an IPv4 address are ignored, as in a captured record."""
        self.assertEqual(decode(EN1), (record("en1", "192.168.1.132"),))

    def test_ipv6Flags(self) -> None:
        """Any flag that is not zero means IPv6, whatever the byte order of the writer."""
        for flags in ("00000001", "00000100", "01000000", "00010000"):
            self.assertEqual(decode(flags + ETH1[8:]), (RECORD6,), flags)

    def test_whiteSpaceAndCase(self) -> None:
        """A leading line feed, other white space and upper case are fine."""
        self.assertEqual(decode(f"\n{ETH0[:40].upper()}\r\n {ETH0[40:]}\t"), (RECORD4,))

    def test_nothing(self) -> None:
        """An empty text, or one of white space only, names no address."""
        self.assertEqual(decode(""), ())
        self.assertEqual(decode("\n"), ())

    def test_halfARecord(self) -> None:
        """A text that is not of whole 40-byte records is malformed, even if 40 characters long."""
        for text in (ETH0[:40], ETH0 + "00", ETH0[:-2], ETH0[:-1]):
            self.assertRaises(MalformedError, decode, text)

    def test_notHexadecimal(self) -> None:
        """A text of other characters is malformed."""
        for text in ("x" * 80, "0x" + ETH0[2:], "\N{ARABIC-INDIC DIGIT ONE}" * 80, "\ud800" * 80):
            self.assertRaises(MalformedError, decode, text)

    def test_tooMany(self) -> None:
        """A text of too many records, or far too long, is malformed."""
        self.assertEqual(len(decode(ETH0 * MAX_RECORDS)), MAX_RECORDS)
        self.assertRaises(MalformedError, decode, ETH0 * (MAX_RECORDS + 1))
        self.assertRaises(MalformedError, decode, "0" * 1_000_000)
        self.assertRaises(MalformedError, decode, " " * 1_000_000)

    def test_useless(self) -> None:
        """Records without a port or an address are left out."""
        noPort = ETH0[:72] + "00000000"
        noAddress = ETH0[:40] + "0" * 32 + ETH0[72:]
        noAddress6 = ETH1[:40] + "0" * 32 + ETH1[72:]
        self.assertEqual(decode(noPort + noAddress + noAddress6 + ETH0), (RECORD4,))

    def test_oddName(self) -> None:
        """A name of arbitrary bytes does no harm."""
        self.assertEqual(len(decode(ETH0[:8] + "ff" * 16 + ETH0[40:])), 1)


class ChooseTests(SynchronousTestCase):
    """L{choose}."""

    def test_firstIPv4(self) -> None:
        """The first IPv4 address is taken, and IPv6 ones are not looked at."""
        records = [RECORD6, record("en0", "198.51.100.7"), record("en1", "192.168.1.2")]
        self.assertEqual(choose(records), records[1])
        self.assertIsNone(choose([RECORD6]))

    def test_preferIPv6(self) -> None:
        """With C{preferIPv6} the first IPv6 address wins, wherever it stands; without any, IPv4 is used."""
        self.assertEqual(choose([RECORD4, RECORD6], preferIPv6=True), RECORD6)
        self.assertEqual(choose([RECORD4], preferIPv6=True), RECORD4)

    def test_familyThatWeLack(self) -> None:
        """An address is called only in a family that we have, and if that is IPv6 alone it need not be preferred."""
        both = [RECORD6, record("en0", "198.51.100.7")]
        self.assertEqual(choose(both, preferIPv6=True, ours=[RECORD4]), both[1])
        self.assertIsNone(choose([RECORD6], preferIPv6=True, ours=[RECORD4]))
        self.assertEqual(choose(both, ours=[RECORD6]), RECORD6)
        self.assertIsNone(choose([RECORD4], ours=[RECORD6]))
        self.assertEqual(choose(both, ours=[RECORD4, RECORD6]), both[1])
        self.assertEqual(choose(both, preferIPv6=True, ours=[RECORD4, RECORD6]), RECORD6)

    def test_skipFirst(self) -> None:
        """With C{skipFirst} the first record that could be meant is left out."""
        records = [RECORD6, record("en0", "198.51.100.7"), record("en1", "192.168.1.2")]
        self.assertEqual(choose(records, skipFirst=True), records[2])
        self.assertEqual(choose(records, preferIPv6=True, skipFirst=True), records[1])
        self.assertIsNone(choose([RECORD4], skipFirst=True))

    def test_relayed(self) -> None:
        """A name with a tilde is no address one can simply call."""
        self.assertEqual(choose([record("en0~", "198.51.100.7"), RECORD4]), RECORD4)
        self.assertIsNone(choose([record("en0~", "198.51.100.7")]))

    def test_nowhere(self) -> None:
        """Addresses that are no host's, and ports of well-known services, are never called."""
        for host in ("224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1"):
            self.assertIsNone(choose([record("en0", host)]), host)
        for host in ("ff02::1", "::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:224.0.0.1"):
            self.assertIsNone(choose([record("en0", host)], preferIPv6=True), host)
        self.assertIsNone(choose([record("en0", "198.51.100.7", 53)]))
        self.assertIsNone(choose([]))

    def test_loopback(self) -> None:
        """Loopback addresses count where that is allowed."""
        here = record("lo0", "127.0.0.1")
        self.assertEqual(choose([here], allowLoopback=True), here)
