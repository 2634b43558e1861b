# -*- test-case-name: ichatgw.test.jingle.stanzas.test_description -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.stanzas.description} and L{ichatgw.jingle.stanzas.transport}.
"""

from __future__ import annotations

from typing import cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml

from ichatgw.errors import MalformedError
from ichatgw.jingle.stanzas.candidates import MAX_CANDIDATES
from ichatgw.jingle.stanzas.description import (
    directionOf,
    isMuxed,
    offersKeys,
    readCodecs,
    readKeys,
    sendersOf,
    writeDescription,
)
from ichatgw.jingle.stanzas.transport import readTransport, writeTransport
from ichatgw.model import (
    PCMU,
    Candidate,
    Codec,
    CryptoKey,
    Direction,
    Fingerprint,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
)

OPUS = Codec("opus", 48000, 111, 2, "minptime=10;useinbandfec=1")
EVENTS = Codec("telephone-event", 8000, 101, 1, "0-15")
KEY = CryptoKey("1", "AES_CM_128_HMAC_SHA1_80", "inline:abc", "KDR=1")
FINGERPRINT = Fingerprint("sha-256", ":".join(["AB"] * 32))


def description(inside: str) -> Element:
    text = f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{inside}</description>"
    return cast(Element, parseXml(text.encode()))


def payload(attributes: str, parameters: str = "") -> tuple[Codec, ...]:
    return readCodecs(description(f"<payload-type {attributes}>{parameters}</payload-type>"))


def transport(inside: str = "", attributes: str = "ufrag='abcd' pwd='efghijklmnopqrstuvwxyz'") -> Element:
    text = f"<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' {attributes}>{inside}</transport>"
    return cast(Element, parseXml(text.encode()))


def candidates(inside: str) -> tuple[Candidate, ...]:
    read = readTransport(transport(inside))
    assert read is not None
    return read.description.candidates


class DirectionTests(SynchronousTestCase):
    """Who may send."""

    def test_both(self) -> None:
        """Each direction has a word, for either role, that leads back to it."""
        for direction in Direction:
            for isInitiator in (True, False):
                self.assertIs(directionOf(sendersOf(direction, isInitiator), isInitiator), direction)
        self.assertIs(directionOf("initiator", True), Direction.SENDONLY)
        self.assertIs(directionOf("initiator", False), Direction.RECVONLY)
        self.assertIs(directionOf("", False), Direction.SENDRECV)
        self.assertRaises(MalformedError, directionOf, "all", True)


class CodecTests(SynchronousTestCase):
    """Formats read and written."""

    def test_roundTrip(self) -> None:
        """Formats, keys and rtcp-mux survive the wire, in their order."""
        written = writeDescription(SessionDescription((OPUS, PCMU, EVENTS)), (KEY,), True)
        self.assertEqual(readCodecs(written), (OPUS, PCMU, EVENTS))
        self.assertEqual(readKeys(written), (KEY,))
        self.assertEqual(written.encryption["required"], "1")
        self.assertTrue(isMuxed(written))

    def test_plain(self) -> None:
        """Without keys there is no encryption, and two ports if they are not muxed."""
        written = writeDescription(SessionDescription((PCMU,)), muxed=False)
        self.assertEqual((readKeys(written), isMuxed(written)), ((), False))
        self.assertIsNone(written.encryption)

    def test_static(self) -> None:
        """A static number needs neither name nor clock."""
        self.assertEqual(payload("id='8'"), (Codec("PCMA", 8000, 8),))
        self.assertEqual(payload("id='10'"), (Codec("L16", 44100, 10, 2),))
        self.assertEqual(payload("id='19'"), ())

    def test_first(self) -> None:
        """Of two formats with one number the first counts."""
        two = "<payload-type id='96' name='a' clockrate='8000'/><payload-type id='96' name='b' clockrate='8000'/>"
        self.assertEqual([codec.name for codec in readCodecs(description(two))], ["a"])

    def test_notCarried(self) -> None:
        """What refers to other formats by their numbers is left out."""
        self.assertEqual(payload("id='63' name='red' clockrate='48000' channels='2'"), ())

    def test_parameters(self) -> None:
        """Parameters are as in SDP; one may lack its name or its value."""
        inside = "<parameter name='a' value='1'/><parameter name='b'/><parameter name='' value='c'/><parameter/>"
        self.assertEqual(payload("id='96' name='x' clockrate='8000'", inside)[0].parameters, "a=1;b;c")

    def test_events(self) -> None:
        """All the ways in which clients say that they take the digits mean the same."""
        for parameter in (
            "",
            "<parameter name='0-15'/>",
            "<parameter name='events' value='0-15'/>",
            "<parameter value='0-16'/>",
        ):
            codec = payload("id='101' name='telephone-event' clockrate='8000'", parameter)[0]
            self.assertEqual(codec.parameters, "0-15")
        odd = payload("id='101' name='telephone-event' clockrate='8000'", "<parameter name='events' value='0-11'/>")[0]
        self.assertEqual(odd.parameters, "0-11")

    def test_eventsWritten(self) -> None:
        """What goes without saying is not said, as not everybody can read it."""
        self.assertIsNone(writeDescription(SessionDescription((EVENTS,))).firstChildElement().firstChildElement())
        odd = writeDescription(SessionDescription((Codec("telephone-event", 8000, 101, 1, "0-11"),)))
        self.assertEqual(odd.firstChildElement().parameter.attributes, {"name": "events", "value": "0-11"})

    def test_unwritable(self) -> None:
        """White space in a parameter would make some clients throw; such a parameter is left out."""
        codec = Codec("x", 8000, 96, 1, "a=1; b = 2;lone")
        element = writeDescription(SessionDescription((codec,))).firstChildElement()
        self.assertEqual([dict(child.attributes) for child in element.elements()], [
            {"name": "a", "value": "1"}, {"name": "", "value": "lone"}
        ])  # fmt: skip

    def test_malformed(self) -> None:
        """
        A format with numbers out of range or a name that would break a line of SDP is left out, and so is what it says
        of itself that would; floods are refused.
        """
        for attributes in (
            "name='x' clockrate='8000'",
            "id='' name='x' clockrate='8000'",
            "id='-1' name='x' clockrate='8000'",
            "id='\u0663' name='x' clockrate='8000'",
            "id='96' name='\xe4' clockrate='8000'",
            "id='96' name='x' clockrate=''",
            "id='128' name='x' clockrate='8000'",
            "id='x' name='x' clockrate='8000'",
            "id='96' name='x y' clockrate='8000'",
            "id='96' name='x&#10;a=b' clockrate='8000'",
            "id='96' name='x' clockrate='-1'",
            "id='96' name='x' clockrate='99999999999'",
            "id='96' name='x' clockrate='8000' channels='99'",
        ):
            inside = f"<payload-type {attributes}/><payload-type id='0'/>"
            self.assertEqual(readCodecs(description(inside)), (PCMU,), attributes)
        for parameter in ("name='a' value='&#13;'", "name='\xe4' value='1'", f"name='a' value='{'x' * 300}'"):
            inside = f"<parameter {parameter}/><parameter name='b' value='2'/>"
            (read,) = payload("id='96' name='x' clockrate='8000' channels=''", inside)
            self.assertEqual((read.channels, read.parameters), (1, "b=2"))
        self.assertEqual(payload("id='0' name='' clockrate='' channels=''"), (PCMU,))
        self.assertRaises(MalformedError, readCodecs, description("<payload-type id='0'/>" * 300))
        many = "".join(f"<parameter name='p{number}' value='x'/>" for number in range(200))
        inside = f"<payload-type id='96' name='x' clockrate='8000'>{many}</payload-type><payload-type id='0'/>"
        self.assertEqual(readCodecs(description(inside)), (PCMU,))

    def test_keys(self) -> None:
        """A key that cannot be read is left out; that there are some is known."""
        good = f"<crypto tag='2' crypto-suite='{KEY.suite}' key-params='{KEY.parameters}'/>"
        for bad in ("<crypto tag='1'/>", "<crypto tag='\xe4' crypto-suite='x' key-params='y'/>"):
            read = description(f"<encryption>{bad}{good}</encryption>")
            self.assertEqual([key.tag for key in readKeys(read)], ["2"])
            read = description(f"<encryption>{bad}</encryption>")
            self.assertEqual((readKeys(read), offersKeys(read)), ((), True))
        self.assertFalse(offersKeys(description("<encryption/>")))


class TransportTests(SynchronousTestCase):
    """ICE-UDP and raw UDP."""

    def test_roundTrip(self) -> None:
        """A transport survives the wire."""
        ours = TransportDescription(
            "abcd",
            "efghijklmnopqrstuvwxyz",
            (
                Candidate("1", 1, 2130706431, TransportAddress("192.0.2.10", 20000)),
                Candidate("2", 1, 1694498815, TransportAddress("203.0.113.1", 20000), "udp", "srflx",
                          TransportAddress("192.0.2.10", 20000)),
                Candidate("3", 1, 2130706175, TransportAddress("2001:db8::1", 20000)),
            ),
            FINGERPRINT,
            Setup.ACTPASS,
            (),
            False,
        )  # fmt: skip
        element = writeTransport(ours, generation=2)
        read = readTransport(element)
        assert read is not None
        self.assertEqual(read.description, ours)
        written = list(element.elements())[1:]
        self.assertEqual({child["generation"] for child in written}, {"2"})
        self.assertEqual(len({child["id"] for child in written}), 3)

    def test_some(self) -> None:
        """Trickled candidates are told alone."""
        ours = TransportDescription(
            "abcd", "efghijklmnopqrstuvwxyz", (Candidate("1", 1, 1, TransportAddress("192.0.2.1", 1)),)
        )
        self.assertEqual(list(writeTransport(ours, ()).elements()), [])

    def test_raw(self) -> None:
        """Without ICE the candidates are the addresses."""
        ours = TransportDescription(
            "", "", (Candidate("raw", 1, 0, TransportAddress("192.0.2.10", 20000)),), None, None, (), False
        )
        element = writeTransport(ours)
        self.assertEqual(element.uri, "urn:xmpp:jingle:transports:raw-udp:1")
        read = readTransport(element)
        assert read is not None
        self.assertEqual(read.description, ours)

    def test_unknown(self) -> None:
        """Another transport is none of ours."""
        self.assertIsNone(readTransport(Element(("urn:xmpp:jingle:transports:s5b:1", "transport"))))

    def test_useless(self) -> None:
        """Candidates that lead nowhere, or that we do not speak, are passed over."""
        good = "<candidate ip='192.0.2.1' port='9' component='1' priority='1' foundation='x'/>"
        self.assertEqual(len(candidates(good)), 1)
        for change in (
            ("192.0.2.1", "3c5d.local"),
            ("192.0.2.1", "fe80::1"),
            ("192.0.2.1", "2001:db8::1%eth0"),
            ("192.0.2.1", "224.0.0.1"),
            ("192.0.2.1", "0.0.0.0"),
            ("192.0.2.1", "255.255.255.255"),
            ("192.0.2.1", ""),
            ("port='9'", "port='0'"),
            ("component='1'", "component='3'"),
            ("foundation", "protocol='tcp' foundation"),
            ("foundation", "type='magic' foundation"),
            ("foundation", "type='\xe4' foundation"),
            ("foundation", "protocol='\xe4' foundation"),
            ("192.0.2.1", "\xe4.local"),
            ("port='9'", "port='70000'"),
            ("port='9'", "port='-9'"),
            ("port='9'", "port=''"),
            ("port='9'", ""),
            ("component='1'", "component='rtp'"),
            ("component='1'", "component='-1'"),
        ):
            self.assertEqual(candidates(good.replace(*change)), (), change)
        self.assertEqual(candidates(good.replace("192.0.2.1", "::ffff:192.0.2.1"))[0].address.host, "192.0.2.1")

    def test_most(self) -> None:
        """Only so many candidates are looked at."""
        one = "<candidate ip='192.0.2.1' port='9'/>"
        self.assertEqual(len(candidates(one * 200)), MAX_CANDIDATES)

    def test_setup(self) -> None:
        """A fingerprint without a role means either; the value is compared in capitals."""
        value = FINGERPRINT.value.lower()
        read = readTransport(
            transport(f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='SHA-256'>{value}</fingerprint>")
        )
        assert read is not None
        self.assertEqual((read.description.fingerprint, read.description.setup), (FINGERPRINT, Setup.ACTPASS))

    def test_unimportant(self) -> None:
        """A candidate can be used whatever stands for its rank, its foundation, and what it was made from."""
        good = "<candidate ip='192.0.2.1' port='9' component='1' priority='1' foundation='x' type='srflx'/>"
        for change, priority in (
            (("priority='1'", "priority=''"), 0),
            (("priority='1'", "priority='-1'"), 0),
            (("priority='1'", "priority='big'"), 0),
            (("priority='1'", "priority='4294967296'"), 0),
            (("priority='1'", "priority='4294967295'"), 2**31 - 1),
            (("component='1'", "component=''"), 1),
            (("foundation='x'", "foundation='\xe4'"), 1),
            (("foundation='x'", "rel-addr='\xe4' rel-port='x'"), 1),
            (("foundation='x'", "rel-addr='192.0.2.2' rel-port='70000'"), 1),
            (("foundation='x'", "generation='x' id='' network='-1'"), 1),
        ):
            (read,) = candidates(good.replace(*change))
            self.assertEqual((read.priority, read.related), (priority, None), change)

    def test_fingerprints(self) -> None:
        """Of several the best that can be read counts (RFC 8122 section 5), with the role beside it."""

        def fingerprint(hash: str, octets: int, setup: str = "actpass", value: str = "") -> str:
            value = value or ":".join(["ab"] * octets)
            return (
                f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='{hash}' setup='{setup}'>{value}</fingerprint>"
            )

        for inside, algorithm, setup in (
            (fingerprint("sha-256", 32) + fingerprint("sha-512", 64, "active"), "sha-512", Setup.ACTIVE),
            (fingerprint("sha-512", 64) + fingerprint("sha-384", 48), "sha-512", Setup.ACTPASS),
            (fingerprint("sha-1", 20) + fingerprint("SHA-256", 32), "sha-256", Setup.ACTPASS),
            (fingerprint("sha-9", 32) + fingerprint("sha-256", 32, "passive"), "sha-256", Setup.PASSIVE),
            (fingerprint("sha-512", 64, value="xy") + fingerprint("sha-256", 32), "sha-256", Setup.ACTPASS),
            (fingerprint("sha-512", 64, "x") + fingerprint("sha-256", 32, "active"), "sha-512", Setup.ACTPASS),
            (fingerprint("sha-256", 32, "Active"), "sha-256", Setup.ACTIVE),
            (fingerprint("sha-256", 32, "\xe4"), "sha-256", Setup.ACTPASS),
            (fingerprint("\xe4", 32) + fingerprint("sha-256", 32), "sha-256", Setup.ACTPASS),
            (fingerprint("sha-9", 32), "sha-9", Setup.ACTPASS),
        ):
            read = readTransport(transport(inside))
            assert read is not None and read.description.fingerprint is not None
            self.assertEqual((read.description.fingerprint.algorithm, read.description.setup), (algorithm, setup))
            self.assertTrue(read.isFingerprinted)

    def test_malformed(self) -> None:
        """Wrong names and passwords are refused; that there was a wrong fingerprint is known."""
        value = FINGERPRINT.value
        for inside in (
            f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0'>{value}</fingerprint>",
            f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>{value}:XY</fingerprint>",
        ):
            read = readTransport(transport(inside))
            assert read is not None
            self.assertEqual((read.description.fingerprint, read.isFingerprinted), (None, True))
        for attributes in ("ufrag='a b cd' pwd='x'", "ufrag='abc' pwd='efghijklmnopqrstuvwxyz'"):
            self.assertRaises(MalformedError, readTransport, transport("", attributes))
