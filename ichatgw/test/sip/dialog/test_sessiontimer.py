# -*- test-case-name: ichatgw.test.sip.dialog.test_sessiontimer -*-
"""
Session timers (RFC 4028), on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Direction, Ending, EndReason
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, FakeCall, tell
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import Talk, both, directionOf, versionOf
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, respond, status

KNOWS = "Supported: timer\r\n"
UPDATES = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n"


def passes(talk: Talk, seconds: float) -> list[str]:
    """Time passes; what was sent meanwhile, repetitions left out?"""
    for _ in range(int(seconds)):
        talk.rig.clock.advance(1)
    talk.rig.clock.advance(seconds - int(seconds))
    return list(dict.fromkeys(m for m in talk.rig.wire.take() if m.strip()))


class CalledTests(SynchronousTestCase):
    """The phone called."""

    def accepted(self, extra: str, sessionExpires: int = 1800) -> Talk:
        return Talk.inbound(Rig(sessionExpires=sessionExpires), extra=extra)

    def terms(self, extra: str, sessionExpires: int = 1800) -> tuple[str, str]:
        ok = self.accepted(extra, sessionExpires).accepted
        return header(ok, "Session-Expires"), header(ok, "Require")

    def test_theyAsk(self) -> None:
        """Who asks gets what he asks for, up to what we want; who shall refresh is as he says, or it is us."""
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 600;refresher=uac\r\n"), ("600;refresher=uac", "timer"))
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 600;refresher=uas\r\n"), ("600;refresher=uas", ""))
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 600\r\n"), ("600;refresher=uas", ""))
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 3600\r\n"), ("1800;refresher=uas", ""))
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 3600\r\nMin-SE: 2400\r\n"), ("2400;refresher=uas", ""))
        self.assertEqual(self.terms(f"{KNOWS}Session-Expires: 3600\r\n", 0), ("3600;refresher=uas", ""))

    def test_proxyAsks(self) -> None:
        """A phone that does not know of it cannot refresh: then we do."""
        self.assertEqual(self.terms("Session-Expires: 600;refresher=uac\r\n"), ("600;refresher=uas", ""))

    def test_weAsk(self) -> None:
        """Who knows of it, and does not ask, is asked; who does not know of it is left alone."""
        self.assertEqual(self.terms(KNOWS), ("1800;refresher=uas", ""))
        self.assertEqual(self.terms(KNOWS, 0), ("", ""))
        self.assertEqual(self.terms(""), ("", ""))

    def test_tooShort(self) -> None:
        """An interval of less than 90 s is 422, with the least one; in a call too."""
        for sessionExpires in (1800, 0):
            rig = Rig(sessionExpires=sessionExpires)
            (reply,) = rig.invite(extra=f"{KNOWS}Session-Expires: 60\r\n")
            self.assertEqual((status(reply), header(reply, "Min-SE")), (422, "90"))
        talk = self.accepted(f"{KNOWS}Session-Expires: 600\r\n")
        for method in ("INVITE", "UPDATE"):
            (reply,) = talk.send(method, extra=f"{KNOWS}Session-Expires: 89\r\n")
            self.assertEqual((status(reply), header(reply, "Min-SE")), (422, "90"))

    def test_demanded(self) -> None:
        """A phone may demand it."""
        self.assertEqual(self.terms("Require: timer\r\nSession-Expires: 600;refresher=uac\r\n")[0], "600;refresher=uac")

    def test_theyRefresh(self) -> None:
        """As long as the phone refreshes, by re-INVITE or UPDATE, the call goes on."""
        talk = self.accepted(f"{KNOWS}Session-Expires: 600;refresher=uac\r\n")
        for method, body in (("UPDATE", None), ("INVITE", PHONE_SDP), ("UPDATE", None), ("INVITE", PHONE_SDP)):
            self.assertEqual(passes(talk, 300), [])
            (ok,) = talk.send(method, body=body, extra=f"{KNOWS}Session-Expires: 600;refresher=uac\r\n")
            self.assertEqual((status(ok), header(ok, "Session-Expires")), (200, "600;refresher=uac"))
            if method == "INVITE":
                talk.acknowledge(ok)
        self.assertEqual(talk.news.news, [])

    def test_theyVanish(self) -> None:
        """A phone that does not refresh in time is gone: BYE, shortly before the end (RFC 4028 section 10)."""
        talk = self.accepted(f"{KNOWS}Session-Expires: 600;refresher=uac\r\n")
        self.assertEqual(passes(talk, 567), [])
        (bye,) = passes(talk, 1.5)
        self.assertTrue(bye.startswith("BYE"))
        self.assertIn("cause=102", header(bye, "Reason"))
        self.assertEqual(talk.news.reasons, [EndReason.EXPIRED])

    def test_givenUp(self) -> None:
        """A refresh that does not ask any more ends the timer."""
        talk = self.accepted(f"{KNOWS}Session-Expires: 600;refresher=uac\r\n", 0)
        (ok,) = talk.send("INVITE")
        talk.acknowledge(ok)
        self.assertEqual(header(ok, "Session-Expires"), "")
        passes(talk, 700)
        self.assertEqual(talk.news.news, [])


class CallerTests(SynchronousTestCase):
    """We called."""

    def test_asked(self) -> None:
        """We ask, unless that is switched off, and never an iChat."""
        rig = Rig(sessionExpires=1800)
        leg = rig.dial()
        leg.start(OFFER)
        (invite,) = rig.wire.take()
        self.assertEqual((header(invite, "Session-Expires"), header(invite, "Min-SE")), ("1800", "90"))
        self.assertIn("timer", header(invite, "Supported"))
        iChat = rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", leg.party)
        iChat.call, iChat.side = FakeCall(), FakeSide()
        iChat.start(OFFER)
        self.assertEqual(header(rig.wire.take()[0], "Session-Expires"), "")
        rig = Rig()
        rig.dial().start(OFFER)
        self.assertEqual(header(rig.wire.take()[0], "Session-Expires"), "")

    def test_tooShortForThem(self) -> None:
        """A 422 is followed by another INVITE with what it asks for; but not for ever."""
        rig = Rig(sessionExpires=300)
        leg = rig.dial()
        leg.start(OFFER)
        (invite,) = rig.wire.take()
        for least in (400, 500, 600):
            sent = rig.receive(respond(invite, 422, "Session Interval Too Small", extra=f"Min-SE: {least}\r\n"))
            (invite,) = (m for m in sent if m.startswith("INVITE"))
            self.assertEqual((header(invite, "Session-Expires"), header(invite, "Min-SE")), (f"{least}", f"{least}"))
            self.assertIn("m=audio", invite)
            self.assertNotIn("ended", leg.call.news)  # type: ignore[attr-defined]
        sent = rig.receive(respond(invite, 422, "Session Interval Too Small", extra="Min-SE: 700\r\n"))
        self.assertEqual([m.split()[0] for m in sent], ["ACK"])
        self.assertEqual(leg.call.news, ["ended"])  # type: ignore[attr-defined]

    def test_theyRefresh(self) -> None:
        """If it is the phone's turn, and it does nothing, the call is over."""
        extra = "Session-Expires: 300;refresher=uas\r\nRequire: timer\r\n"
        talk = Talk.outbound(Rig(sessionExpires=1800), extra=extra)
        self.assertEqual(passes(talk, 267), [])
        self.assertEqual([m.split()[0] for m in passes(talk, 2)], ["BYE"])
        self.assertEqual(talk.news.reasons, [EndReason.EXPIRED])

    def test_notKnown(self) -> None:
        """A phone that does not know of it is left alone."""
        talk = Talk.outbound(Rig(sessionExpires=300))
        self.assertEqual(passes(talk, 400), [])


class OurTurnTests(SynchronousTestCase):
    """We refresh."""

    def each(self, extra: str = UPDATES) -> Iterator[Talk]:
        yield Talk.inbound(Rig(sessionExpires=600), extra=f"{KNOWS}{extra}")
        yield Talk.outbound(Rig(sessionExpires=600), extra=f"Session-Expires: 600;refresher=uac\r\n{extra}")

    def test_byUpdate(self) -> None:
        """At half of the time, by an UPDATE without a body if the phone takes that; again and again."""
        for talk in self.each():
            for _ in range(3):
                self.assertEqual(passes(talk, 299), [])
                (update,) = passes(talk, 1.5)
                self.assertTrue(update.startswith("UPDATE"))
                self.assertEqual(header(update, "Content-Length"), "0")
                self.assertEqual(header(update, "Session-Expires"), "600;refresher=uac")
                talk.rig.receive(respond(update, 200, "OK", extra="Session-Expires: 600;refresher=uac\r\n"))
            self.assertEqual([each for each in talk.news.news if each != "answered"], [])

    def test_byInvite(self) -> None:
        """Otherwise by a re-INVITE that says what was said before, held or not."""
        for talk in self.each("Allow: INVITE, ACK, BYE\r\n"):
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            (held,) = talk.rig.wire.take()
            answer = PHONE_SDP.replace(" 0 8 101", " 0").replace("sendrecv", "recvonly")
            said = "Session-Expires: 600;refresher=uac\r\n"
            talk.rig.receive(respond(held, 200, "OK", body=answer, extra=said))
            (invite,) = passes(talk, 301)
            self.assertTrue(invite.startswith("INVITE"))
            self.assertEqual(header(invite, "Session-Expires"), "600;refresher=uac")
            self.assertEqual((versionOf(invite), directionOf(invite)), (versionOf(held), "sendonly"))
            (ack,) = talk.rig.receive(respond(invite, 200, "OK", body=answer, extra=said))
            self.assertTrue(ack.startswith("ACK"))
            (again,) = passes(talk, 301)
            self.assertTrue(again.startswith("INVITE"))
            self.assertEqual(talk.news.news.count("agreed"), 1)

    def test_noWay(self) -> None:
        """A refresh that cannot even be sent is made again; an offer after it is no refresh."""
        for talk in self.each("Allow: INVITE, ACK, BYE\r\n"):
            talk.rig.wire.unreachable.add(PHONE.host)
            self.assertEqual(passes(talk, 301), [])
            talk.rig.wire.unreachable.clear()
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            (offer,) = talk.rig.wire.take()
            talk.rig.receive(respond(offer, 488, "Not Acceptable Here"))
            self.assertEqual(talk.news.news[-1], "refused")
            (again,) = passes(talk, 5)
            self.assertEqual((again[:6], directionOf(again)), ("INVITE", "sendrecv"))

    def test_otherWay(self) -> None:
        """A phone that says it takes UPDATE, and does not, gets a re-INVITE."""
        for talk in self.each():
            (update,) = passes(talk, 300.5)
            talk.rig.receive(respond(update, 405, "Method Not Allowed"))
            (invite,) = passes(talk, 1)
            self.assertTrue(invite.startswith("INVITE"))

    def test_again(self) -> None:
        """A refresh that comes at a bad moment is made again."""
        for code in (300, 491, 500, 503):
            for talk in self.each():
                (update,) = passes(talk, 300.5)
                talk.rig.receive(respond(update, code, "Not now"))
                self.assertEqual(passes(talk, 4), [])
                self.assertEqual([m.split()[0] for m in passes(talk, 2)], ["UPDATE"])

    @slow
    def test_refusedInvite(self) -> None:
        """
        A refresh by re-INVITE that is refused says nothing to the other party: things are as they were, and it is made
        again, at once and for longer if that is what is asked for.
        """
        for code, extra, wait, expires in (
            (500, "", 6, "600"),
            (488, "", 6, "600"),
            (422, "Min-SE: 900\r\n", 0.5, "900"),
        ):
            for talk in self.each("Allow: INVITE, ACK, BYE\r\n"):
                (invite,) = passes(talk, 301)
                (ack,) = talk.rig.receive(respond(invite, code, "No", extra=extra))
                self.assertTrue(ack.startswith("ACK"))
                (again,) = passes(talk, wait)
                self.assertEqual((again[:6], versionOf(again)), ("INVITE", versionOf(invite)), code)
                self.assertEqual(header(again, "Session-Expires"), f"{expires};refresher=uac")
                self.assertNotIn("refused", talk.news.news)
                self.assertNotIn("ended", talk.news.news)

    def test_longer(self) -> None:
        """So is one that asks for too short a time, with what is asked for."""
        for talk in self.each():
            (update,) = passes(talk, 300.5)
            talk.rig.receive(respond(update, 422, "Session Interval Too Small", extra="Min-SE: 900\r\n"))
            (update,) = passes(talk, 0.5)
            self.assertEqual(header(update, "Session-Expires"), "900;refresher=uac")

    def test_lost(self) -> None:
        """A phone that does not know the call any more, or never answers, is gone."""
        for talk in self.each():
            (update,) = passes(talk, 300.5)
            sent = talk.rig.receive(respond(update, 481, "Call/Transaction Does Not Exist"))
            self.assertEqual([m.split()[0] for m in sent], ["BYE"])
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])
        for talk in self.each():
            passes(talk, 334)
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])

    def test_never(self) -> None:
        """If every refresh is refused the session expires."""
        for talk in self.each():
            for _ in range(61):
                for update in passes(talk, 5):
                    if update.startswith("UPDATE"):
                        talk.rig.receive(respond(update, 500, "No"))
            for _ in range(61):
                for update in passes(talk, 5):
                    if update.startswith("UPDATE"):
                        talk.rig.receive(respond(update, 500, "No"))
            self.assertEqual(talk.news.reasons, [EndReason.EXPIRED])

    def test_turnsOver(self) -> None:
        """What the latest answer says of it holds: the phone may take it over, or give it up."""
        for talk in self.each():
            (update,) = passes(talk, 300.5)
            talk.rig.receive(respond(update, 200, "OK", extra="Session-Expires: 300;refresher=uas\r\n"))
            self.assertEqual(passes(talk, 260), [])
            (ok,) = talk.send("UPDATE", body=None, extra=f"{KNOWS}Session-Expires: 300;refresher=uac\r\n")
            self.assertEqual(header(ok, "Session-Expires"), "300;refresher=uac")
            self.assertEqual(passes(talk, 260), [])

    def test_anyOffer(self) -> None:
        """Any re-INVITE is a refresh as well."""
        for talk in self.each():
            passes(talk, 200)
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            (invite,) = talk.rig.wire.take()
            self.assertEqual(header(invite, "Session-Expires"), "600;refresher=uac")
            said = "Session-Expires: 600;refresher=uac\r\n"
            talk.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP.replace("sendrecv", "recvonly"), extra=said))
            self.assertEqual(passes(talk, 290), [])

    def test_over(self) -> None:
        """After the call nothing of it remains."""
        for talk in self.each():
            talk.leg.hangup(Ending(EndReason.HANGUP))
            (bye,) = talk.rig.wire.take()
            talk.rig.receive(respond(bye, 200, "OK"))
            self.assertEqual([m for m in passes(talk, 700) if not m.startswith("ACK")], [])

    def test_cancelled(self) -> None:
        """An answer that crosses our giving up starts no timer."""
        rig = Rig(sessionExpires=600)
        leg = rig.dial()
        leg.start(OFFER)
        (invite,) = rig.wire.take()
        rig.receive(respond(invite, 180, "Ringing"))
        leg.hangup(Ending(EndReason.CANCELLED))
        rig.receive(respond(invite, 200, "OK", body=PHONE_SDP, extra="Session-Expires: 600;refresher=uac\r\n"))
        rig.clock.pump([1] * 40)
        rig.wire.take()
        rig.clock.pump([1] * 400)
        self.assertEqual([m for m in rig.wire.take() if m.strip()], [])


class OffTests(SynchronousTestCase):
    """No timer was agreed on."""

    def test_none(self) -> None:
        """Then nothing happens, however long the call is."""
        for talk in both():
            self.assertEqual(passes(talk, 4000), [])
