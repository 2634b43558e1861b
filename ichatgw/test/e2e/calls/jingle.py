# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls between Jingle clients and phones that are answered, both ways, with sound both ways.
"""

from __future__ import annotations

from ichatgw.sim.jingle.profile import (
    CONVERSATIONS,
    DINO,
    DIRECT,
    GAJIM,
    MONAL,
    MOVIM,
    RAW,
    RAW_MESSAGES,
    SDES,
    SISKIN,
    STANZA,
    ClientProfile,
)
from ichatgw.test.e2e.support.case import NUMBER
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import within

PLAIN: dict[str, object] = {"JinglePlainMedia": "on"}


class JingleCallsPhone(JingleEndToEnd):
    """Jingle to SIP."""

    async def test_conversations(self) -> None:
        """By a proposal, over ICE and DTLS; the client hears it ring, both hear each other, and the client ends it."""
        await self._calls(CONVERSATIONS)

    async def test_dino(self) -> None:
        """As Dino does it, who speaks only the first format of the answer."""
        await self._calls(DINO)

    async def test_movim(self) -> None:
        """As Movim does it."""
        await self._calls(MOVIM)

    async def test_monal(self) -> None:
        """As Monal does it, who does not trickle."""
        await self._calls(MONAL)

    async def test_siskin(self) -> None:
        """As Siskin does it."""
        await self._calls(SISKIN)

    async def test_stanza(self) -> None:
        """As stanza.js does it."""
        await self._calls(STANZA)

    async def test_direct(self) -> None:
        """By a session at once."""
        await self._calls(DIRECT)

    async def test_keysInSignalling(self) -> None:
        """With keys in the signalling."""
        await self._calls(SDES)

    async def test_raw(self) -> None:
        """Over raw UDP, by a session at once."""
        await self._calls(RAW, PLAIN)

    async def test_rawMessages(self) -> None:
        """Over raw UDP, by a proposal."""
        await self._calls(RAW_MESSAGES, PLAIN)

    async def test_gajim(self) -> None:
        """As Gajim does it: ICE for two ports, and nothing that protects media."""
        await self._calls(GAJIM, PLAIN)

    async def test_baresip(self) -> None:
        """With a real phone, which hangs up."""
        phone = await self.startBaresip("72")
        await self.startGateway(phone.port)
        client = await self.startJingle()
        call = client.call(NUMBER)
        await phone.told("CALL_INCOMING")
        self.assertEqual(await within(self.clock, 5, call.whenRinging()), "message")
        phone.command("accept")
        await within(self.clock, 10, call.whenConnected())
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("they hung up", "success"))
        await self.assertHeardBy(phone, JINGLE_TONE)
        self.assertEqual(client.complaints, [])

    async def _calls(self, profile: ClientProfile, settings: dict[str, object] | None = None) -> None:
        phone = self.startPhone()
        await self.startGateway(phone.address.port, settings=settings or {})
        client = await self.startJingle(profile)
        call, incoming = await self.jingleCalls(client, phone)
        rang = await within(self.clock, 1, call.whenRinging())
        self.assertEqual(rang, "message" if profile.messages else "session")
        call.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        self.assertEqual(incoming.why, "they hung up")
        self.assertEqual((client.complaints, phone.faults), ([], []))


class PhoneCallsJingle(JingleEndToEnd):
    """SIP to Jingle."""

    async def test_conversations(self) -> None:
        """By a proposal, over ICE and DTLS; the phone hears 180, both hear each other, the phone ends it."""
        await self._isCalled(CONVERSATIONS)

    async def test_dino(self) -> None:
        """As Dino takes a call, who does not say that it rings."""
        await self._isCalled(DINO, isHeardToRing=False)

    async def test_movim(self) -> None:
        """As Movim takes a call."""
        await self._isCalled(MOVIM)

    async def test_monal(self) -> None:
        """As Monal takes a call."""
        await self._isCalled(MONAL)

    async def test_direct(self) -> None:
        """By a session at once, as the client knows no proposals."""
        await self._isCalled(DIRECT)

    async def test_keysInSignalling(self) -> None:
        """With keys in the signalling, as the client knows no DTLS."""
        await self._isCalled(SDES)

    async def test_raw(self) -> None:
        """Over raw UDP, by a session at once."""
        await self._isCalled(RAW, PLAIN)

    async def test_rawMessages(self) -> None:
        """Over raw UDP, by a proposal."""
        await self._isCalled(RAW_MESSAGES, PLAIN)

    async def test_gajim(self) -> None:
        """As Gajim takes a call."""
        await self._isCalled(GAJIM, PLAIN)

    async def test_baresip(self) -> None:
        """By a real phone; the client hangs up."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), await self.startBaresip()
        arrival = client.whenCalled()
        phone.command("dial", f"sip:{USER}@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        await phone.told("CALL_ESTABLISHED")
        await within(self.clock, 10, call.whenConnected())
        await self.sound(call.media)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone, JINGLE_TONE)
        self.assertEqual(client.complaints, [])

    async def _isCalled(
        self, profile: ClientProfile, settings: dict[str, object] | None = None, *, isHeardToRing: bool = True
    ) -> None:
        gateway = await self.startGateway(settings=settings or {})
        client, phone = await self.startJingle(profile), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        if isHeardToRing:
            self.assertEqual(await within(self.clock, 1, outgoing.whenRinging()), 180)
        outgoing.hangup()
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("they hung up", "success"))
        self.assertEqual((client.complaints, phone.faults), ([], []))
