# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
A Jingle client that is called: by a message and then a session, or by a session at once.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, evolve, field, frozen
from twisted.words.xish.domish import Element

from ichatgw.model import Setup
from ichatgw.sim.jingle.call import JingleCall, spokenOf
from ichatgw.sim.jingle.xml import Content, contentOf, reasonOf
from ichatgw.sim.xmpp import xml

INITIATE_TIMEOUT = 15.0
"""Seconds after a C{proceed} in which the session must come (Monal)."""


class Pickup(Enum):
    """What to say to a call."""

    ACCEPT = "accept"
    DECLINE = "decline"
    BUSY = "busy"
    IGNORE = "ignore"
    SECURITY = "security-error"


@frozen
class JingleTaking:
    """
    What to do when called.

    @ivar delay: seconds from the call to the word.
    @ivar rings: whether it rings at all.
    """

    action: Pickup = Pickup.ACCEPT
    delay: float = 0.2
    rings: bool = True


@define(eq=False)
class IncomingJingleCall(JingleCall):
    """
    @ivar taking: what to do about it.
    @ivar isProposed: it came by a message.
    """

    taking: JingleTaking = field(kw_only=True)
    isProposed: bool = field(kw_only=True)
    _accepted: bool = field(default=False, init=False)
    _offer: Content | None = field(default=None, init=False)

    def begin(self) -> None:
        """Ring, and say the word in a while."""
        profile = self.phone.clientProfile
        if self.taking.rings and self.isProposed and profile.rings:
            self.sendMessage("ringing", self.peer)
        elif self.taking.rings and not self.isProposed and profile.informs:
            self.inform("ringing")
        if self.taking.action is not Pickup.IGNORE:
            self.later(self.taking.delay, self.respond, self.taking.action)

    def respond(self, action: Pickup) -> None:
        """Say the word."""
        if self.over:
            return
        if action is Pickup.ACCEPT:
            self.accept()
        else:
            self.refuse(action.value)

    def accept(self) -> None:
        """Take the call."""
        self._accepted = True
        if self._offer is not None:
            self._acceptSession(self._offer)
            return
        if self.phone.clientProfile.tells:
            self.sendMessage("accept", xml.bare(self.phone.jid))
        self.sendMessage("proceed", self.peer)
        self.later(INITIATE_TIMEOUT, self._noSession)

    def refuse(self, condition: str) -> None:
        """Turn it away."""
        if self.hasSession:
            self.terminate(condition)
        elif self.isProposed:
            self.sendMessage("reject", self.peer, condition)
            self.sendMessage("reject", xml.bare(self.phone.jid), condition)
        self.finish(f"{condition} said by us")

    def giveUp(self, condition: str) -> None:
        profile = self.phone.clientProfile
        if self.isProposed and not self._accepted:
            self.sendMessage("reject", self.peer, condition or "decline")
        elif self.isProposed and profile.finishes:
            self.sendMessage("finish", self.peer, condition or "success")

    def told(self, word: str, message: Element, said: Element) -> None:
        if word in ("retract", "finish") and not self.hasSession:
            self.condition, self.words = reasonOf(said)
            self.finish("retracted" if word == "retract" else "they hung up")

    def toldByOther(self, word: str) -> None:
        """Another client of our user has spoken."""
        if not self._accepted and not self.over:
            self.finish(f"{word}ed elsewhere")

    def initiated(self, jingle: Element) -> None:
        """
        Their C{session-initiate}.

        @raise MalformedError: if it is nothing that we can take.
        """
        self.requests.append("session-initiate")
        offer = contentOf(jingle)
        self.hasSession = True
        self.content = Content(offer.name, offer.creator)
        self._checkOffer(jingle, offer)
        if self.isProposed:
            self._acceptSession(offer)
        else:
            self._offer = offer

    @property
    def awaitsSession(self) -> bool:
        """Have we said C{proceed}?"""
        return self.isProposed and self._accepted and not self.hasSession

    def _acceptSession(self, offer: Content) -> None:
        profile = self.phone.clientProfile
        local = self.openMedia(offer.transport)
        known = [codec for codec in offer.codecs if any(codec.matches(each) for each in profile.codecs)]
        spoken = spokenOf(known)[:1]
        if not profile.oneCodec:
            spoken += [each for each in known if each.name.lower() == "telephone-event" and each.clockRate == 8000]

        def build(jingle: Element) -> None:
            if profile.initiator:
                jingle["responder"] = self.phone.jid
            self.describe(jingle, transport=local, codecs=tuple(spoken))

        self.request("session-accept", build).addCallbacks(
            lambda answer: self.trickle(), lambda reason: self._refused(reason.getErrorMessage())
        )
        self.connectMedia(offer)
        self._answered.come(self)

    def asked(self, action: str, jingle: Element) -> None:
        JingleCall.asked(self, action, jingle)
        if action == "transport-info" and self.endpoint is None and self._offer is not None:
            self._addEarly(contentOf(jingle))

    def _addEarly(self, more: Content) -> None:
        """Candidates before we have answered."""
        assert self._offer is not None
        transport = self._offer.transport
        transport = evolve(transport, candidates=(*transport.candidates, *more.transport.candidates))
        self._offer = evolve(self._offer, transport=transport)

    def _refused(self, words: str) -> None:
        if not self.over:
            self.phone.complain(f"our session-accept was refused: {words:.120}")
            self.finish("refused")

    def _noSession(self) -> None:
        if self.awaitsSession:
            self.phone.complain("no session came after proceed")
            self.giveUp("timeout")
            self.finish("no session")

    def _checkOffer(self, jingle: Element, offer: Content) -> None:
        complain = self.phone.complain
        initiator = xml.get(jingle, "initiator")
        if initiator not in ("", self.peer) and self.phone.isStrictTo(self.peer):
            complain(f"session-initiate by {self.peer} in the name of {initiator}")
        if offer.transport.fingerprint is not None and offer.transport.setup is not Setup.ACTPASS:
            complain(f"session-initiate with setup {offer.transport.setup}")
        self.check(offer)
