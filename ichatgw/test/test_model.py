"""Tests for L{ichatgw.model} and L{ichatgw.errors}."""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import errors
from ichatgw.address import Address, inFull
from ichatgw.model import PCMU, Codec, Direction, Ending, EndReason, Party, SessionDescription, TransportAddress


class AddressTests(SynchronousTestCase):
    """Addresses of all kinds."""

    def test_parts(self) -> None:
        """Scheme, user and place are pieces of the text; the last C{@} parts user and place."""
        for text, parts in (
            ("sip:100@example.org:5070;user=phone", ("sip", "100", "example.org:5070;user=phone")),
            ("SIPS:a%40b@[2001:db8::1]", ("sips", "a%40b", "[2001:db8::1]")),
            ("sip:example.org", ("sip", "", "example.org")),
            ("sip:a@b@c", ("sip", "a@b", "c")),
            ("xmpp:romeo@example.org/phone?call", ("xmpp", "romeo", "example.org/phone?call")),
            ("tel:+49;phone-context=x", ("tel", "", "+49;phone-context=x")),
            ("urn:service:sos", ("urn", "", "service:sos")),
            ("nothing", ("nothing", "", "")),
            ("", ("", "", "")),
        ):
            found = Address(text)
            self.assertEqual((found.scheme, found.user, found.place), parts)

    def test_keptAsItCame(self) -> None:
        """What is not changed goes out as it came, and another user changes the user alone."""
        for text in ("SIP:%61@Host:5060;LR;x=%20?a=b", "xmpp:a@b/c@d", "tel:1-2", "sip:host", "", "a:b:c@d"):
            address = Address(text)
            self.assertEqual(str(address), text)
            self.assertEqual(str(address.withUser(address.user)), text)
        self.assertEqual(str(Address("SIP:a:b@Host;x=Y").withUser("c")), "SIP:c@Host;x=Y")
        self.assertEqual(str(Address("sip:host").withUser("c")), "sip:host")
        self.assertEqual(str(Address("nothing@host").withUser("c")), "nothing@host")

    def test_bare(self) -> None:
        """Who it is stands before port, parameters, resource and query; a user may hold any of their marks."""
        for text, host, bare in (
            ("SIP:Bell@Host:5061;transport=tcp?x=y", "host", "bell@host"),
            ("sip:a;b@host", "host", "a;b@host"),
            ("sip:+49;phone-context=+1@host;lr", "host", "+49;phone-context=+1@host"),
            ("sip:a?b/c:d@host:5060", "host", "a?b/c:d@host"),
            ("sips:a@[2001:DB8::1]:5061", "[2001:db8::1]", "a@[2001:db8::1]"),
            ("sip:boss@good;x@evil.example", "evil.example", "boss@good;x@evil.example"),
            ("xmpp:a;b?c@Host/x@y;z", "host", "a;b?c@host"),
            ("xmpp:Host/x@y", "host", "host"),
            ("tel:+49;phone-context=x", "+49", "+49"),
            ("sip:192.0.2.1:5060", "192.0.2.1", "192.0.2.1"),
            ("nothing", "", ""),
        ):
            self.assertEqual((Address(text).host, Address(text).bare), (host, bare), text)

    def test_inFull(self) -> None:
        """A number that counts somewhere is said with that, if it is a number itself."""
        for text, number in (
            ("30123;phone-context=+49", "+4930123"),
            ("30123;x=y;Phone-Context=+49;z", "+4930123"),
            ("+4930123;phone-context=+1", "+4930123"),
            ("123;phone-context=pbx.example", "123"),
            ("123;;=;phone-context", "123"),
            ("", ""),
        ):
            self.assertEqual(inFull(text), number, text)

    def test_names(self) -> None:
        """Trunks in the place of a host keep their order; others may be put there."""
        self.assertEqual(Address("sip:1@Alpha,beta").names, ("alpha", "beta"))
        self.assertEqual(Address("sip:1@host").names, ("host",))
        self.assertEqual(Address("sip:alpha").names, ())
        self.assertEqual(str(Address("sip:1@Alpha,beta").at("gamma", "beta")), "sip:1@gamma,beta")


class DirectionTests(SynchronousTestCase):
    """Which way media flows."""

    def test_mirrored(self) -> None:
        """What one end only sends, the other only receives; the rest looks alike from both ends."""
        self.assertEqual(
            [direction.mirrored for direction in Direction],
            [Direction.SENDRECV, Direction.RECVONLY, Direction.SENDONLY, Direction.INACTIVE],
        )

    def test_twice(self) -> None:
        """Mirrored twice it is what it was."""
        for direction in Direction:
            self.assertIs(direction.mirrored.mirrored, direction)

    def test_within(self) -> None:
        """What flows is what both allow."""
        for one in Direction:
            self.assertIs(one.within(Direction.SENDRECV), one)
            self.assertIs(one.within(Direction.INACTIVE), Direction.INACTIVE)
            for other in Direction:
                both = one.within(other)
                self.assertIs(both, other.within(one))
                self.assertEqual(both.sends, one.sends and other.sends)
                self.assertEqual(both.listens, one.listens and other.listens)
        self.assertIs(Direction.SENDONLY.within(Direction.RECVONLY), Direction.INACTIVE)


class TransportAddressTests(SynchronousTestCase):
    """An IP literal and a port."""

    def test_text(self) -> None:
        """IPv6 is written in brackets, IPv4 is not."""
        self.assertEqual(str(TransportAddress("192.0.2.1", 5060)), "192.0.2.1:5060")
        self.assertEqual(str(TransportAddress("2001:db8::1", 5060)), "[2001:db8::1]:5060")

    def test_family(self) -> None:
        """A colon in the host means IPv6."""
        self.assertFalse(TransportAddress("192.0.2.1", 1).isIPv6)
        self.assertTrue(TransportAddress("::ffff:192.0.2.1", 1).isIPv6)
        self.assertTrue(TransportAddress("fe80::1%eth0", 1).isIPv6)

    def test_noLiteral(self) -> None:
        """Whatever is no IP literal is refused: names, brackets, short forms, foreign digits, zones on IPv4."""
        for host in (
            "",
            "localhost",
            "[::1]",
            "127.1",
            "010.0.0.1",
            "192.0.2.1 ",
            "192.0.2.1%eth0",
            "1.2.3.4%x\r\nX: y",
            "٣.0.0.1",
            "fe80::1%",
            "2130706433",
        ):
            self.assertRaises(ValueError, TransportAddress, host, 5060)

    def test_port(self) -> None:
        """Ports are 0 to 65535."""
        self.assertEqual([TransportAddress("::1", port).port for port in (0, 65535)], [0, 65535])
        for port in (-1, 65536):
            self.assertRaises(ValueError, TransportAddress, "::1", port)

    def test_key(self) -> None:
        """Equal addresses are one key of a table, and none can be changed."""
        address = TransportAddress("::1", 1)
        self.assertEqual({address: 1}[TransportAddress("::1", 1)], 1)
        self.assertRaises(FrozenInstanceError, setattr, address, "port", 2)


class CodecTests(SynchronousTestCase):
    """Audio formats."""

    def test_matches(self) -> None:
        """The same format has the same name in any case, clock and channels, whatever its number and parameters."""
        self.assertTrue(PCMU.matches(Codec("pcmu", 8000, 96, parameters="x")))
        for other in (Codec("PCMA", 8000, 0), Codec("PCMU", 16000, 0), Codec("PCMU", 8000, 0, 2)):
            self.assertFalse(PCMU.matches(other))


class SessionDescriptionTests(SynchronousTestCase):
    """What a party says of its audio."""

    def test_find(self) -> None:
        """A codec is found by what it is, and comes with the party's number."""
        theirs = Codec("pcmu", 8000, 97)
        description = SessionDescription((Codec("GSM", 8000, 3), theirs))
        self.assertIs(description.find(PCMU), theirs)
        self.assertIsNone(description.find(Codec("G722", 8000, 9)))

    def test_withAddress(self) -> None:
        """At another address the RTCP port is the one above again; all else stays."""
        there = TransportAddress("192.0.2.1", 4000)
        description = SessionDescription((PCMU,), there, TransportAddress("192.0.2.1", 4444), Direction.SENDONLY)
        here = TransportAddress("192.0.2.10", 20000)
        self.assertEqual(description.withAddress(here), SessionDescription((PCMU,), here, None, Direction.SENDONLY))
        self.assertEqual(description.address, there)


class PartyTests(SynchronousTestCase):
    """Who is at the far end."""

    def test_parts(self) -> None:
        """User and domain are what stands around the last @; without one there is only a domain."""
        for uri, user, domain in (
            ("sip:bob@example.net", "bob", "example.net"),
            ("sip:bob@example.net:5070", "bob", "example.net:5070"),
            ("xmpp:a@b@example.net", "a@b", "example.net"),
            ("sip:[2001:db8::1]:5060", "", "[2001:db8::1]:5060"),
            ("sip:bob@[2001:db8::1]", "bob", "[2001:db8::1]"),
            ("", "", ""),
        ):
            party = Party(uri)
            self.assertEqual((party.user, party.domain, str(party)), (user, domain, uri))


class ErrorsTests(SynchronousTestCase):
    """L{ichatgw.errors}."""

    def test_oneRoot(self) -> None:
        """Every error is a L{errors.GatewayError}."""
        classes = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)]
        self.assertEqual(len(classes), 11)
        for error in classes:
            self.assertTrue(issubclass(error, errors.GatewayError), error)

    def test_reasons(self) -> None:
        """Each error of a call says what both parties are told."""
        self.assertEqual(
            [
                e.reason
                for e in (errors.CallError, errors.NoRoute, errors.NoCommonCodec, errors.Congested, errors.Refused)
            ],
            [
                EndReason.FAILED,
                EndReason.NOT_FOUND,
                EndReason.INCOMPATIBLE,
                EndReason.CONGESTED,
                EndReason.FORBIDDEN,
            ],
        )

    def test_malformedIsNoCallError(self) -> None:
        """What a peer gets wrong is not mistaken for a refusal of ours."""
        self.assertFalse(issubclass(errors.MalformedError, errors.CallError))
        self.assertFalse(issubclass(errors.ConfigError, errors.CallError))

    def test_endings(self) -> None:
        """An ending needs no more than a reason."""
        self.assertEqual(Ending(EndReason.BUSY), Ending(EndReason.BUSY, "", None))
