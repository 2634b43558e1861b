# -*- test-case-name: ichatgw.test.xmpp.test_discoinfo -*-
"""
Tests for L{ichatgw.xmpp.discoinfo}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.test.support.streams import parse
from ichatgw.xmpp.discoinfo import MAX_FEATURES, NS_CAPS, NS_CAPS2, SECOND_ALGORITHMS, Info, Version, readInfo

EXODUS = (
    "<identity category='client' name='Exodus 0.9.1' type='pc'/>"
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
)
PSI = (
    "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
    "<identity xml:lang='el' category='client' name='\u03a8 0.11' type='pc'/>"
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
    "<x xmlns='jabber:x:data' type='result'>"
    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
    "<field var='ip_version'><value>ipv4</value><value>ipv6</value></field>"
    "<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>"
    "<field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field></x>"
)
EXODUS_HASH = "QgayPKawpkPSDYmwT/WM94uAlu0="
PSI_HASH = "q07IKJEyjvHSyhy//CH0CxmKi8w="
TKABBER = (
    "<identity category='client' name='Tkabber' type='pc' xml:lang='en'/>"
    "<identity category='client' name='\u0422\u043a\u0430\u0431\u0431\u0435\u0440' type='pc' xml:lang='ru'/>"
    + "".join(
        f"<feature var='{feature}'/>"
        for feature in (
            "games:board",
            *(
                f"http://jabber.org/protocol/{name}"
                for name in [
                    "activity",
                    "activity+notify",
                    "bytestreams",
                    "chatstates",
                    "commands",
                    "disco#info",
                    "disco#items",
                    "evil",
                    "feature-neg",
                    "geoloc",
                    "geoloc+notify",
                    "ibb",
                    "iqibb",
                    "mood",
                    "mood+notify",
                    "rosterx",
                    "si",
                    "si/profile/file-transfer",
                    "tune",
                ]
            ),
            "http://www.facebook.com/xmpp/messages",
            "http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify",
            *(
                f"jabber:iq:{name}"
                for name in [
                    "avatar",
                    "browse",
                    "dtcp",
                    "filexfer",
                    "ibb",
                    "inband",
                    "jidlink",
                    "last",
                    "oob",
                    "privacy",
                    "roster",
                    "time",
                    "version",
                ]
            ),
            *(f"jabber:x:{name}" for name in ("data", "event", "oob")),
            *(f"urn:xmpp:{name}" for name in ("avatar:metadata+notify", "ping", "receipts", "time")),
        )
    )
    + "<x xmlns='jabber:x:data' type='result'>"
    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
    "<field var='software'><value>Tkabber</value></field>"
    "<field var='software_version'><value>0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)</value></field>"
    "<field var='os'><value>Windows</value></field><field var='os_version'><value>XP</value></field></x>"
)
"""The second example of XEP-0390."""


CALLS = "<feature var='urn:xmpp:jingle:1'/><feature var='urn:xmpp:ping'/>"


def read(inside: str) -> Info:
    return readInfo(parse(f"<query xmlns='http://jabber.org/protocol/disco#info'>{inside}</query>"))


class HashTests(SynchronousTestCase):
    """The hashes, by the examples of the standards."""

    def test_first(self) -> None:
        """Languages and forms are part of the hash (XEP-0115 sections 5.2 and 5.3)."""
        self.assertEqual(read(EXODUS).version(), EXODUS_HASH)
        self.assertEqual(read(PSI).version(), PSI_HASH)
        self.assertTrue(read(EXODUS).isSound and read(PSI).isSound)
        self.assertEqual(read(TKABBER).version(), "cePxJUNNZuDoNDbCMqs2VNEcJeY=")

    def test_second(self) -> None:
        """The second kind of capabilities is hashed as the standard shows (XEP-0390, the first example)."""
        features = (
            "http://jabber.org/protocol/si",
            "http://jabber.org/protocol/bytestreams",
            "http://jabber.org/protocol/chatstates",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "urn:xmpp:ping",
            "jabber:iq:time",
            "jabber:iq:privacy",
            "jabber:iq:version",
            "http://jabber.org/protocol/rosterx",
            "urn:xmpp:time",
            "jabber:x:oob",
            "http://jabber.org/protocol/ibb",
            "http://jabber.org/protocol/si/profile/file-transfer",
            "urn:xmpp:receipts",
            "jabber:iq:roster",
            "jabber:iq:last",
        )
        info = Info((("client", "mobile", "", "BombusMod"),), features)
        self.assertEqual(info.version2(), "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=")
        self.assertEqual(info.version2("sha3-256"), "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q=")

    def test_secondWithForms(self) -> None:
        """Languages and forms are part of that hash too (XEP-0390, the second example)."""
        info = read(TKABBER)
        self.assertEqual(info.version2(), "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=")
        self.assertEqual(info.version2("sha3-256"), "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg=")
        self.assertTrue(info.isSound)

    def test_fits(self) -> None:
        """A version is compared by the standard and the algorithm that it names."""
        info = read(PSI)
        self.assertTrue(Version(NS_CAPS, "sha-1", PSI_HASH).fits(info))
        self.assertFalse(Version(NS_CAPS, "sha-256", PSI_HASH).fits(info))
        self.assertFalse(Version(NS_CAPS2, "sha-256", PSI_HASH).fits(info))
        for algorithm in SECOND_ALGORITHMS:
            self.assertTrue(Version(NS_CAPS2, algorithm, info.version2(algorithm)).fits(info))

    def test_visibleForm(self) -> None:
        """A form without a hidden FORM_TYPE is no part of the first hash (XEP-0115 section 5.4)."""
        for form in (
            "<field var='FORM_TYPE'><value>a</value></field><field var='b'><value>c</value></field>",
            "<field var='b'><value>c</value></field>",
        ):
            self.assertEqual(read(f"{EXODUS}<x xmlns='jabber:x:data'>{form}</x>").version(), EXODUS_HASH)

    def test_tooMuch(self) -> None:
        """There is an end to what one client can."""
        self.assertRaises(MalformedError, read, "<feature var='x'/>" * (MAX_FEATURES + 1))

    def test_ofCalls(self) -> None:
        """What decides about calls is told apart."""
        self.assertEqual(read(EXODUS + CALLS).ofCalls, {"urn:xmpp:jingle:1"})


class SoundTests(SynchronousTestCase):
    """Answers that are not what the one was whose hash they have."""

    def test_illFormed(self) -> None:
        """What XEP-0115 section 5.4 calls ill-formed is not sound."""
        hidden = "<field var='FORM_TYPE' type='hidden'><value>{}</value></field>"
        form = f"<x xmlns='jabber:x:data'>{hidden.format('a')}</x>"
        for inside in (
            EXODUS + EXODUS[: EXODUS.index("<feature")],
            EXODUS + "<feature var='http://jabber.org/protocol/muc'/>",
            EXODUS + form + form,
            EXODUS + form.replace("</value>", "</value><value>b</value>"),
            EXODUS + form.replace("</value>", "</value><value>a</value>"),
            EXODUS + form.replace("<value>a</value>", ""),
        ):
            self.assertFalse(read(inside).isSound, inside)
        self.assertTrue(read(EXODUS + form).isSound)

    def test_otherReadings(self) -> None:
        """An answer that has the hash of another one, and not its features, is not sound."""
        honest = read("<identity category='client' type='pc' name='X'/>" + CALLS)
        for inside in (
            "<identity category='client' type='pc' name='X&lt;urn:xmpp:jingle:1&lt;urn:xmpp:ping'/>",
            "<identity category='client' type='pc' name='X'/><feature var='urn:xmpp:jingle:1&lt;urn:xmpp:ping'/>",
            "<identity category='client' type='pc' name='X'/><x xmlns='jabber:x:data'>"
            "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:jingle:1</value></field>"
            "<field var='urn:xmpp:ping'/></x>",
        ):
            forged = read(inside)
            self.assertEqual(forged.version(), honest.version())
            self.assertNotEqual(forged.ofCalls, honest.ofCalls)
            self.assertFalse(forged.isSound)
            self.assertNotEqual(forged.version2(), honest.version2())
        self.assertTrue(honest.isSound)
