# -*- test-case-name: ichatgw.test.test_sim_jingle -*-
"""
A Jingle client that calls: by a message and then a session, or by a session at once.
"""

from __future__ import annotations

from attrs import define, field
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import Setup
from ichatgw.sim import xml
from ichatgw.sim.jinglecall import JingleCall, Refusal, descriptionOf
from ichatgw.sim.jinglexml import MESSAGE, RECEIPTS, Content, contentOf, reasonOf


@define(eq=False)
class OutgoingJingleCall(JingleCall):
    """
    @ivar proposed: its proposal waits for an answer.
    @ivar kinds: the media that are proposed.
    """

    kinds: tuple[str, ...] = ("audio",)
    proposed: bool = field(default=False, init=False)

    def begin(self) -> None:
        """Propose, or initiate a session: also if the contact is known not to understand proposals."""
        promised = self.phone.account.promises.get(self.peer, frozenset({MESSAGE}))
        if self.phone.guise.messages and MESSAGE in promised:
            self.proposed = True
            message = xml.element("message", type="chat", to=xml.bare(self.peer), id=f"jm-propose-{self.sid}")
            said = self.phone.word(message, "propose", self.sid)
            for kind in self.kinds:
                descriptionOf(said, kind)
            xml.add(message, "request", RECEIPTS)
            self.phone.send(message)
        else:
            self.initiate(self.phone.account.addresses.get(self.peer, self.peer))

    def initiate(self, address: str) -> None:
        """Offer a session to a full address."""
        guise = self.phone.guise
        self.peer, self.hasSession = address, True
        local = self.openMedia(None)

        def build(jingle: Element) -> None:
            if guise.initiator:
                jingle["initiator"] = self.phone.jid if guise.initiator == "full" else xml.bare(self.phone.jid)
            self.describe(jingle, transport=local, codecs=guise.codecs)

        self.request("session-initiate", build).addCallbacks(lambda answer: self.trickle(), self._refused)

    def _refused(self, reason: Failure) -> None:
        self.hasSession = False
        self.words = reason.getErrorMessage()
        self.finish("refused")

    def giveUp(self, condition: str) -> None:
        if self.proposed:
            self.proposed = False
            self.sendMessage("retract", xml.bare(self.peer), condition or "cancel")
        elif self.phone.guise.messages and self.phone.guise.finishes:
            self.sendMessage("finish", self.peer, condition or "success")

    def told(self, word: str, message: Element, said: Element) -> None:
        sender = xml.get(message, "from")
        if word == "ringing":
            self._fromFull(word, sender)
            self._ringing.come("message")
        elif word == "proceed" and self.proposed:
            self._fromFull(word, sender)
            self.proposed = False
            self.initiate(sender)
        elif word in ("reject", "finish") and (self.proposed or not self.hasSession):
            self.proposed = False
            self.condition, self.words = reasonOf(said)
            self.finish("rejected" if word == "reject" else "they hung up")

    def bounced(self, condition: str) -> None:
        """The proposal came back with an error."""
        self.proposed = False
        self.condition = condition
        self.finish("bounced")

    def objection(self, action: str, jingle: Element) -> Refusal | None:
        if action == "session-accept" and not self._answered.happened:
            return None
        return JingleCall.objection(self, action, jingle)

    def asked(self, action: str, jingle: Element) -> None:
        if action != "session-accept":
            JingleCall.asked(self, action, jingle)
            return
        self.requests.append(action)
        theirs = contentOf(jingle)
        try:
            self._check(jingle, theirs)
        except MalformedError as error:
            self.phone.complain(f"session-accept: {error}")
            self.terminate("incompatible-parameters", str(error))
            self.giveUp("incompatible-parameters")
            self.finish("we hung up")
            return
        self.connectMedia(theirs)
        self._answered.come(self)

    def _check(self, jingle: Element, theirs: Content) -> None:
        complain = self.phone.complain
        if not xml.get(jingle, "responder") and self.phone.isStrictTo(self.peer):
            complain("session-accept without responder")
        if (theirs.name, theirs.creator) != (self.content.name, self.content.creator):
            complain(f"session-accept of content {theirs.name} by {theirs.creator}")
        for codec in theirs.codecs:
            offered = next((each for each in self.content.codecs if each.payloadType == codec.payloadType), None)
            if offered is None or not offered.matches(codec):
                complain(f"session-accept: {codec.name} with the number {codec.payloadType} was not offered")
        if theirs.transport.setup is Setup.ACTPASS:
            complain("session-accept with setup actpass")
        self.check(theirs)

    def _fromFull(self, word: str, sender: str) -> None:
        if not xml.resourceOf(sender):
            self.phone.complain(f"{word} from the bare address {sender}")
