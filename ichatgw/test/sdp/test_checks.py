# -*- test-case-name: ichatgw.test.sdp.test_checks -*-
"""
ICE in descriptions of SIP parties: what is read and written (RFC 8839), and what legs make of it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.model import PCMU, Direction, Fingerprint, SessionDescription, TransportAddress, TransportDescription
from ichatgw.sdp.checks import MAX_CANDIDATES
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy
from ichatgw.test.support.fakes import OFFER, tell
from ichatgw.test.support.sip.siptalks import Talk, side
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, respond

LOGIN = "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlGh\r\n"
HOST = "a=candidate:Hc 1 UDP 2130706431 192.0.2.77 30000 typ host\r\n"
MORE = "a=candidate:S2 1 UDP 1694498815 203.0.113.7 45664 typ srflx raddr 192.0.2.77 rport 30000\r\n"
ICE = PHONE_SDP + LOGIN + HOST + MORE
DTLS = (
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=setup:actpass\r\na=rtcp-mux\r\n"  # as a browser or its server
)
WEBRTC = ICE.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF") + DTLS
OURS = SessionDescription((PCMU,), TransportAddress("192.0.2.10", 20000))


def transportOf(text: str) -> TransportDescription:
    return sdp.parse(text).stream.transport


class ReadTests(SynchronousTestCase):
    """Reading."""

    def test_read(self) -> None:
        """Name, password and candidates, for the stream or for the session."""
        atSession = PHONE_SDP.replace("m=audio", f"{LOGIN}m=audio") + HOST + MORE
        for text in (ICE, atSession):
            transport = transportOf(text)
            self.assertEqual((transport.ufrag, transport.password), ("4ZcD", "2/1muCWoOi3uLifh0NuRHlGh"))
            self.assertEqual(
                [(each.kind, str(each.address)) for each in transport.candidates],
                [("host", "192.0.2.77:30000"), ("srflx", "203.0.113.7:45664")],
            )

    def test_none(self) -> None:
        """Without one of the two, with one that cannot be, or with another lite end there is no ICE."""
        for text in (
            PHONE_SDP,
            PHONE_SDP + HOST,
            ICE.replace("a=ice-ufrag:4ZcD\r\n", ""),
            ICE.replace("ice-pwd:2/1muCWoOi3uLifh0NuRHlGh", "ice-pwd:short"),
            ICE.replace("4ZcD", "4Zc D"),
            ICE.replace("4ZcD", "4Zc\u00e4"),
            ICE.replace("m=audio", "a=ice-lite\r\nm=audio"),
        ):
            self.assertEqual(transportOf(text).ufrag, "", text)

    def test_candidates(self) -> None:
        """Those over TCP, by a name, or that cannot be read are left out; there are not too many."""
        odd = (
            "a=candidate:1 1 TCP 1 192.0.2.77 9 typ host tcptype active\r\n"
            "a=candidate:2 1 udp 1 3f2a.local 9 typ host\r\na=candidate:\r\na=candidate:x\r\n"
            "a=candidate:3 1 UDP 1 192.0.2.77 99999 typ host\r\n"
        )
        self.assertEqual(len(transportOf(ICE + odd).candidates), 2)
        self.assertEqual(len(transportOf(PHONE_SDP + LOGIN + HOST * 100).candidates), MAX_CANDIDATES)

    def test_mismatch(self) -> None:
        """An address that somebody has put in the place of the party's counts, and there is no ICE."""
        self.assertEqual(transportOf(ICE.replace("c=IN IP4 192.0.2.77", "c=IN IP4 198.51.100.5")).ufrag, "")
        self.assertEqual(transportOf(PHONE_SDP + LOGIN).ufrag, "4ZcD", "it has none yet")

    def test_noHold(self) -> None:
        """Who does not know yet where it wants media holds nothing."""
        text = ICE.replace("c=IN IP4 192.0.2.77", "c=IN IP4 0.0.0.0").replace("m=audio 30000", "m=audio 9")
        described = sdp.parse(text).description
        self.assertEqual((described.address, described.direction), (None, Direction.SENDRECV))
        held = sdp.parse(text.replace(LOGIN, "")).description
        self.assertIs(held.direction, Direction.SENDONLY)


class WriteTests(SynchronousTestCase):
    """Writing."""

    def test_answer(self) -> None:
        """We are the lite end, and have one candidate for each component: where we want media."""
        for muxed, numbers in ((True, ["1"]), (False, ["1", "2"])):
            ours = TransportDescription("wxyz", "p" * 22, muxed=muxed)
            text = sdp.writeAnswer(OURS, sdp.Origin(1), sdp.parse(ICE), ours)
            lines = text.split("\r\n")
            self.assertLess(lines.index("a=ice-lite"), lines.index("m=audio 20000 RTP/AVP 0"))
            self.assertIn("a=ice-ufrag:wxyz", lines)
            candidates = [line.split() for line in lines if line.startswith("a=candidate:")]
            self.assertEqual([words[1] for words in candidates], numbers)
            self.assertEqual(candidates[0][4:], ["192.0.2.10", "20000", "typ", "host"])
            self.assertEqual(candidates[-1][5], str(20000 + len(numbers) - 1))


class LegTests(SynchronousTestCase):
    """What legs make of it."""

    def test_answered(self) -> None:
        """A call with ICE is answered with ICE, and the checks of the party are answered; one without is not."""
        rig = Rig()
        rig.invite(body=ICE)
        leg = rig.invitations.legs[-1]
        leg.answer(OFFER)
        ok = rig.wire.take()[-1]
        (checks,) = side(leg).checks
        assert checks is not None
        self.assertEqual(checks.peer, "4ZcD")
        for line in ("a=ice-lite", f"a=ice-ufrag:{checks.ufrag}", f"a=ice-pwd:{checks.password}"):
            self.assertIn(f"{line}\r\n", ok)
        plain = Rig()
        plain.invite()
        plain.invitations.legs[-1].answer(OFFER)
        self.assertNotIn("ice", plain.wire.take()[-1].partition("\r\n\r\n")[2].replace("iChat-gw", ""))
        self.assertEqual(side(plain.invitations.legs[-1]).checks, [None])

    def test_dtls(self) -> None:
        """Who does ICE begins DTLS too, as it knows the way first."""
        policy = MediaPolicy(Encryption.OPTIONAL, fingerprint=Fingerprint("sha-256", ":".join(["CD"] * 32)))
        for body, setup in ((WEBRTC, "passive"), (WEBRTC.replace(LOGIN, ""), "active")):
            rig = Rig(policy=policy)
            rig.invite(body=body)
            leg = rig.invitations.legs[-1]
            self.assertIsNone(rig.invitations.arrivals[-1].objection)
            leg.answer(OFFER)
            self.assertIn(f"a=setup:{setup}\r\n", rig.wire.take()[-1])

    def test_again(self) -> None:
        """Within the call ICE goes on as it was; if the party starts anew, so do we; if it leaves off, too."""
        talk = Talk.inbound(Rig(), body=ICE)
        first = talk.side.checks[-1]
        assert first is not None
        (ok,) = talk.send("INVITE", body=ICE.replace("sendrecv", "sendonly"))
        talk.acknowledge(ok)
        self.assertEqual(talk.side.checks[-1], first)
        (ok,) = talk.send("INVITE", body=ICE.replace("4ZcD", "5abc"))
        talk.acknowledge(ok)
        again = talk.side.checks[-1]
        assert again is not None
        self.assertEqual(again.peer, "5abc")
        self.assertNotEqual((again.ufrag, again.password), (first.ufrag, first.password))
        (ok,) = talk.send("INVITE", body=PHONE_SDP)
        self.assertNotIn("ice-ufrag", ok)
        self.assertIsNone(talk.side.checks[-1])

    def test_ours(self) -> None:
        """Our offers within the call have ICE as well."""
        talk = Talk.inbound(Rig(), body=ICE)
        checks = talk.side.checks[-1]
        assert checks is not None
        tell(talk.leg, SessionDescription((PCMU,), direction=Direction.SENDONLY))
        (invite,) = talk.rig.wire.take()
        self.assertIn(f"a=ice-ufrag:{checks.ufrag}\r\n", invite)

    def test_offered(self) -> None:
        """Our first offers have ICE if that is wanted; what becomes of it the answer says."""
        for answer, peer in ((ICE, "4ZcD"), (PHONE_SDP, None)):
            rig = Rig(policy=MediaPolicy(offersChecks=True))
            leg = rig.dial()
            leg.start(OFFER)
            (invite,) = rig.wire.take()
            offered = transportOf(invite.partition("\r\n\r\n")[2].replace("a=ice-lite\r\n", ""))
            self.assertIn("a=ice-lite\r\n", invite)
            self.assertEqual([each.component for each in offered.candidates], [1, 2])
            rig.receive(respond(invite, 200, "OK", body=answer))
            checks = side(leg).checks[-1]
            self.assertEqual(None if checks is None else checks.peer, peer)
            if checks is not None:
                self.assertEqual((checks.ufrag, checks.password), (offered.ufrag, offered.password))
            tell(leg, SessionDescription((PCMU,), direction=Direction.SENDONLY))
            (again,) = rig.wire.take()
            self.assertEqual(f"a=ice-ufrag:{offered.ufrag}\r\n" in again, peer is not None)

    def test_forks(self) -> None:
        """Each of several phones that answer an offer knows us by what that said, also after one without ICE."""
        rig = Rig(policy=MediaPolicy(offersChecks=True))
        leg = rig.dial()
        leg.start(OFFER)
        (invite,) = rig.wire.take()
        for tag, body in (("one", ICE), ("two", PHONE_SDP), ("three", ICE.replace("4ZcD", "5abc"))):
            rig.receive(respond(invite, 183, "Session Progress", tag, body))
        first, none, last = side(leg).checks
        assert first is not None and last is not None
        self.assertIsNone(none)
        self.assertEqual((first.peer, last.peer), ("4ZcD", "5abc"))
        self.assertEqual((first.ufrag, first.password), (last.ufrag, last.password))
        self.assertIn(f"a=ice-ufrag:{last.ufrag}\r\n", invite)

    def test_notOffered(self) -> None:
        """By itself ICE is not offered."""
        rig = Rig()
        rig.dial().start(OFFER)
        self.assertNotIn("ice-", rig.wire.take()[0].partition("\r\n\r\n")[2])
