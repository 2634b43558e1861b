# -*- test-case-name: ichatgw.test.jingle.stanzas.test_jingle -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.stanzas.jingle} and L{ichatgw.jingle.stanzas.proposals}, with what clients were seen to send.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml

from ichatgw.errors import MalformedError
from ichatgw.jingle.stanzas.jingle import (
    MAX_CONTENTS,
    Action,
    Info,
    Jingle,
    Reason,
    readReason,
    writeContent,
    writeDigit,
    writeInfo,
    writeJingle,
)
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.test.support import data

ALICE = JID("alice@xmpp.test/a")
NUMBER = JID("72@gw.xmpp.test/gw")


def xml(text: str) -> Element:
    return cast(Element, parseXml(text.encode()))


def captured(name: str = "*") -> Iterator[Element]:
    """The stanzas of the captures, with the addresses that a client leaves out."""
    for path in sorted(data("jingle").glob(f"{name}.xml")):
        for stanza in parseXml(path.read_bytes()).elements():
            for attribute in ("from", "to"):
                if not stanza.getAttribute(attribute):
                    stanza[attribute] = ALICE.full()
            yield stanza


def sessions(name: str, action: Action) -> list[Jingle]:
    """What a capture has of an action."""
    read = [Jingle.fromElement(stanza) for stanza in captured(name) if stanza.name == "iq"]
    return [jingle for jingle in read if jingle.action is action]


def session(name: str, action: Action) -> Jingle:
    """The first of them."""
    return sessions(name, action)[0]


def jingle(inside: str, attributes: str = "action='session-info' sid='s1'") -> Element:
    return xml(
        f"<iq type='set' id='1' from='{ALICE.full()}' to='{NUMBER.full()}'>"
        f"<jingle xmlns='urn:xmpp:jingle:1' {attributes}>{inside}</jingle></iq>"
    )


class CaptureTests(SynchronousTestCase):
    """What real clients send."""

    def test_allCanBeRead(self) -> None:
        """Each stanza of each client is understood, and none of the sessions has an action that is not known."""
        count = 0
        for stanza in captured():
            count += 1
            if stanza.name == "message":
                CallMessage.fromElement(stanza)
            else:
                self.assertIsNotNone(Jingle.fromElement(stanza).action)
        self.assertTrue(count > 150, count)

    def test_everyOfferHasAudio(self) -> None:
        """Each client offers PCMU and PCMA, so that most calls need no transcoding."""
        for stanza in captured():
            if stanza.name == "iq":
                read = Jingle.fromElement(stanza)
                if read.action is Action.INITIATE:
                    audio = [content for content in read.contents if content.media == "audio"]
                    self.assertEqual({c.name.upper() for c in audio[0].codecs} & {"PCMU", "PCMA"}, {"PCMU", "PCMA"})

    def test_dino(self) -> None:
        """Dino says who initiates, offers a fingerprint and SDES keys, and two components although it muxes."""
        read = session("dino-calls-component-contact", Action.INITIATE)
        content = read.contents[0]
        self.assertEqual(
            (read.initiator, content.creator, content.name), ("alice@xmpp.test/dino-84", "initiator", "audio")
        )
        self.assertEqual([codec.name for codec in content.codecs][:2], ["opus", "speex"])
        self.assertEqual(content.keys[0].suite, "AES_CM_128_HMAC_SHA1_80")
        self.assertTrue(content.muxed)
        assert content.transport is not None
        self.assertEqual({c.component for c in content.transport.description.candidates}, {1, 2})
        self.assertIsNotNone(content.transport.description.fingerprint)

    def test_chromium(self) -> None:
        """stanza.js names neither initiator nor senders, and trickles all candidates."""
        read = session("stanza-chromium-callee-jmi", Action.INITIATE)
        content = read.contents[0]
        self.assertEqual((read.initiator, content.senders, content.name), ("", "", "0"))
        self.assertEqual(
            [(c.name, c.payloadType, c.clockRate, c.channels) for c in content.codecs],
            [
                ("opus", 111, 48000, 2),
                ("G722", 9, 8000, 1),
                ("PCMU", 0, 8000, 1),
                ("PCMA", 8, 8000, 1),
                ("CN", 13, 8000, 1),
                ("telephone-event", 110, 48000, 1),
                ("telephone-event", 126, 8000, 1),
            ],
        )
        assert content.transport is not None
        self.assertEqual(content.transport.description.candidates, ())
        found = [
            candidate
            for info in sessions("stanza-chromium-callee-jmi", Action.TRANSPORT_INFO)
            for content in info.contents
            if content.transport
            for candidate in content.transport.description.candidates
        ]
        self.assertEqual({candidate.kind for candidate in found}, {"host", "relay"})

    def test_firefox(self) -> None:
        """Firefox trickles TCP candidates, which are passed over, and does not repeat its ufrag with them."""
        infos = sessions("stanza-firefox153-caller-jmi", Action.TRANSPORT_INFO)
        transports = [content.transport for info in infos for content in info.contents]
        self.assertTrue(all(transport is not None for transport in transports))
        self.assertTrue(any(t.description.candidates == () for t in transports if t))
        self.assertEqual({c.protocol for t in transports if t for c in t.description.candidates}, {"udp"})

    def test_gajim(self) -> None:
        """Gajim writes names in capitals and opus without its two channels, which it has all the same."""
        content = session("gajim-calls-dino", Action.INITIATE).contents[0]
        opus = content.codecs[0]
        self.assertEqual((opus.name, opus.channels, content.name), ("OPUS", 2, "voice"))
        self.assertIn("0-15", [codec.parameters for codec in content.codecs if codec.name == "telephone-event"])

    def test_messages(self) -> None:
        """Dino's proceed has a foreign child; its reject has no reason."""
        words = [
            CallMessage.fromElement(stanza).word
            for name in ("component-calls-dino-answered", "component-calls-dino-rejected")
            for stanza in captured(name)
        ]
        self.assertEqual(words[:3], [Word.PROPOSE, Word.PROCEED, Word.PROPOSE])
        self.assertIn(Word.REJECT, words)

    def test_mute(self) -> None:
        """Dino tells that it is muted, and of which content."""
        infos = [info for one in sessions("dino-callee-mutes-hangs-up", Action.INFO) for info in one.infos]
        self.assertIn(Info("mute", "0"), infos)
        self.assertIn(Info("unmute", "0"), infos)


class JingleTests(SynchronousTestCase):
    """Sessions read and written."""

    def test_written(self) -> None:
        """What is written can be read."""
        iq = writeJingle(
            NUMBER, ALICE, Action.ACCEPT, "s1", writeContent("initiator", "0", senders="both"), initiator=NUMBER
        )
        read = Jingle.fromElement(iq)
        self.assertEqual(
            (read.to, read.from_, read.action, read.sid, read.initiator),
            (NUMBER, ALICE, Action.ACCEPT, "s1", NUMBER.full()),
        )
        self.assertEqual(iq.jingle["responder"], ALICE.full())
        self.assertEqual([(c.creator, c.name, c.senders) for c in read.contents], [("initiator", "0", "both")])

    def test_info(self) -> None:
        """Ringing, hold and digits survive the wire; what is not known is told apart."""
        for element, info in (
            (writeInfo("ringing"), Info("ringing")),
            (writeInfo("mute", ("initiator", "0")), Info("mute", "0")),
            (writeDigit("#", 250), Info("dtmf", "", "#", 250)),
        ):
            read = Jingle.fromElement(writeJingle(NUMBER, ALICE, Action.INFO, "s1", element))
            self.assertEqual((read.infos, read.unknownInfo), ((info,), False))
        self.assertTrue(Jingle.fromElement(jingle("<x xmlns='urn:other'/>")).unknownInfo)

    def test_reason(self) -> None:
        """A reason has its word, its text, and the word of the application."""
        reason = Reason("security-error", "no keys", "crypto-required")
        iq = writeJingle(NUMBER, ALICE, Action.TERMINATE, "s1", reason.toElement())
        self.assertEqual(Jingle.fromElement(iq).reason, reason)
        other = Reason("alternative-session", sid="s2")
        self.assertEqual(
            Jingle.fromElement(writeJingle(NUMBER, ALICE, Action.TERMINATE, "s1", other.toElement())).reason, other
        )
        self.assertIsNone(readReason(jingle("").jingle))
        self.assertEqual(Jingle.fromElement(jingle("<reason/>")).reason, Reason(""))

    def test_textOfStrangers(self) -> None:
        """Characters that XML cannot hold, which would end the stream, are not written."""
        text = str(Reason("busy", "a\0b\x1b\ud800c").toElement().text)
        self.assertEqual(text, "a b  c")

    def test_unknownAction(self) -> None:
        """An action that the standard does not have can be read, and told."""
        for action in ("action='session-dance'", "action='\xe4'", ""):
            self.assertIsNone(Jingle.fromElement(jingle("", f"{action} sid='s1'")).action)

    def test_otherContents(self) -> None:
        """A content of another application or transport has its name, so that it can be refused."""
        read = Jingle.fromElement(
            jingle(
                "<content creator='initiator' name='f'>"
                "<description xmlns='urn:file'/><transport xmlns='urn:s5b'/></content>"
                "<content creator='responder' name='v'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/>"
                "</content>",
                "action='content-add' sid='s1'",
            )
        )
        self.assertEqual(
            [(c.media, c.transportKind, c.transport) for c in read.contents],
            [("urn:file", "urn:s5b", None), ("video", "", None)],
        )

    def test_leftOut(self) -> None:
        """A content that cannot be read is left out beside one that can; odd words about a good one are not heard."""
        read = Jingle.fromElement(
            jingle(
                "<content creator='initiator' name='a&#10;b'/><content creator='nobody' name='a' senders='everybody'/>"
            )
        )
        self.assertEqual([(c.name, c.creator, c.senders) for c in read.contents], [("a", "initiator", "")])
        read = Jingle.fromElement(
            jingle("<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='1' duration='long'/>", "action='session-info' sid='s1'")
        )
        self.assertEqual([(info.code, info.duration) for info in read.infos], [("1", 0)])

    def test_names(self) -> None:
        """Sessions, proposals and contents may be named in any script: the names go back as they came."""
        name = "t\xf6ne \u97f3"
        read = Jingle.fromElement(
            jingle(f"<content creator='initiator' name='{name}'/>", f"action='session-initiate' sid='{name}'")
        )
        self.assertEqual((read.sid, [each.name for each in read.contents]), (name, [name]))
        muted = f"<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1' name='{name}'/>"
        read = Jingle.fromElement(jingle(muted, "action='session-info' sid='s1'"))
        self.assertEqual([each.about for each in read.infos], [name])
        proposal = f"<propose xmlns='urn:xmpp:jingle-message:0' id='{name}'/>"
        said = CallMessage.fromElement(xml(f"<message from='a@b/c' to='d@e'>{proposal}</message>"))
        self.assertEqual(said.sid, name)

    def test_malformed(self) -> None:
        """What is no session is refused."""
        content = "<content creator='initiator' name='a'/>"
        unprotected = (
            "<description xmlns='urn:xmpp:jingle:apps:rtp:1'><payload-type id='0'/></description>"
            "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'>"
            "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>AB</fingerprint></transport>"
        )
        for bad in (
            xml("<iq type='set' id='1' from='a@b/c' to='d@e'/>"),
            jingle("", "action='session-info'"),
            jingle("", "action='session-info' sid=''"),
            jingle("", f"action='session-info' sid='{'s' * 257}'"),
            jingle("", "action='session-info' sid='&#10;a=b'"),
            jingle("<content creator='initiator'/>"),
            jingle("<content creator='initiator' name='a&#10;b'/>"),
            jingle("<content name='a' senders='everybody'/><content name='b'/>", "action='content-modify' sid='s1'"),
            jingle(f"<content name='a'>{unprotected}</content>"),
            jingle(content * (MAX_CONTENTS + 1)),
            jingle(content * 300),
        ):
            self.assertRaises(MalformedError, Jingle.fromElement, bad)


class MessageTests(SynchronousTestCase):
    """The messages around a session."""

    def test_written(self) -> None:
        """Each word survives the wire, with what belongs to it."""
        for said in Word:
            message = CallMessage(
                ALICE,
                NUMBER,
                said,
                "s1",
                media=("audio",) if said is Word.PROPOSE else (),
                reason=Reason("busy", "486 Busy Here") if said is Word.REJECT else None,
                tieBreak=said is Word.REJECT,
                id="" if said is Word.FINISH else "m1",
            )
            element = message.toElement()
            self.assertEqual(CallMessage.fromElement(element), evolve(message, id=element["id"]))
            self.assertEqual((element["type"], element["id"]), ("chat", message.id or f"jm-{said.value}-s1"))
            self.assertTrue(any(child.uri == "urn:xmpp:hints" for child in element.elements()))

    def test_otherMedia(self) -> None:
        """What a proposal says of something else is left out, and of too much."""
        message = xml(
            "<message from='a@b/c' to='d@e'><propose xmlns='urn:xmpp:jingle-message:0' id='1'>"
            "<description xmlns='urn:file'/><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='Video'/>"
            "</propose></message>"
        )
        read = CallMessage.fromElement(message)
        self.assertEqual(read.media, ("video",))
        many = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='\xe4'/>" * 300
        message = xml(
            "<message id='\xe4' from='a@b/c' to='d@e'>"
            f"<propose xmlns='urn:xmpp:jingle-message:0' id='1'>{many}</propose></message>"
        )
        read = CallMessage.fromElement(message)
        self.assertEqual((read.id, read.media), ("", ("audio",) * MAX_CONTENTS))

    def test_malformed(self) -> None:
        """What is none is refused."""
        for inside in (
            "",
            "<dance xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            "<propose xmlns='urn:xmpp:jingle-message:0'/>",
            "<propose xmlns='urn:xmpp:jingle-message:0' id=''/>",
            f"<propose xmlns='urn:xmpp:jingle-message:0' id='{'x' * 300}'/>",
        ):
            self.assertRaises(
                MalformedError, CallMessage.fromElement, xml(f"<message from='a@b/c' to='d@e'>{inside}</message>")
            )
        self.assertRaises(
            MalformedError,
            CallMessage.fromElement,
            xml("<message to='d@e'><ringing xmlns='urn:xmpp:jingle-message:0' id='1'/></message>"),
        )
