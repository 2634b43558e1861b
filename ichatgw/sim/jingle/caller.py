# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
A Jingle client that calls: by a message and then a session, or by a session at once.
"""

from __future__ import annotations

from attrs import define, evolve, field
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import Setup, TransportDescription
from ichatgw.sim.jingle.call import JingleCall, Refusal, descriptionOf
from ichatgw.sim.jingle.profile import VIDEO
from ichatgw.sim.jingle.xml import MESSAGE, RECEIPTS, Content, contentsOf, reasonOf
from ichatgw.sim.xmpp import xml


@define(eq=False)
class OutgoingJingleCall(JingleCall):
    """
    @ivar proposed: its proposal waits for an answer.
    @ivar kinds: the media that are proposed and offered; audio is always offered.
    """

    kinds: tuple[str, ...] = ("audio",)
    proposed: bool = field(default=False, init=False)
    _video: tuple[Content, ...] = field(default=(), init=False)

    def begin(self) -> None:
        """Propose, or initiate a session: also if the contact is known not to understand proposals."""
        promised = self.phone.account.promises.get(self.peer, frozenset({MESSAGE}))
        if self.phone.clientProfile.messages and MESSAGE in promised:
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
        profile = self.phone.clientProfile
        self.peer, self.hasSession = address, True
        local = self.openMedia(None)

        def build(jingle: Element) -> None:
            if profile.initiator:
                jingle["initiator"] = self.phone.jid if profile.initiator == "full" else xml.bare(self.phone.jid)
            self.describe(jingle, transport=local, codecs=profile.codecs)

        self.request("session-initiate", build).addCallbacks(lambda answer: self.trickle(), self._refused)

    def _refused(self, reason: Failure) -> None:
        self.hasSession = False
        self.words = reason.getErrorMessage()
        self.finish("refused")

    def giveUp(self, condition: str) -> None:
        if self.proposed:
            self.proposed = False
            self.sendMessage("retract", xml.bare(self.peer), condition or "cancel")
        elif self.phone.clientProfile.messages and self.phone.clientProfile.finishes:
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

    def besides(self, transport: TransportDescription) -> tuple[Content, ...]:
        """The video that is offered: on the way of the audio, or on one of its own, on which nothing ever comes."""
        profile = self.phone.clientProfile
        if "video" in self.kinds:
            way = transport if profile.bundles else evolve(transport, ufrag="video", candidates=())
            self._video = (Content("video", media="video", codecs=VIDEO, transport=way, kind=profile.transport),)
        return self._video

    def objection(self, action: str, jingle: Element) -> Refusal | None:
        if action == "session-accept" and not self._answered.happened:
            fewer = len(contentsOf(jingle)) < 1 + len(self._video)
            return ("bad-request", "") if fewer and self.phone.clientProfile.bundles else None
        if action in ("content-remove", "content-reject"):
            return self._loses(action)
        return JingleCall.objection(self, action, jingle)

    def _loses(self, action: str) -> Refusal:
        """Others than these two have no use for it either (stanza.js), or end the call (Conversations)."""
        if self.phone.clientProfile.bundles or not self._answered.happened:
            self.phone.complain(action if self._answered.happened else f"{action} before the accept")
        return ("bad-request", "") if self.phone.clientProfile.bundles else ("feature-not-implemented", "")

    def asked(self, action: str, jingle: Element) -> None:
        if action != "session-accept":
            JingleCall.asked(self, action, jingle)
            return
        self.requests.append(action)
        theirs, *others = sorted(contentsOf(jingle), key=lambda content: content.name != self.content.name)
        try:
            self._check(jingle, theirs)
            self._checkVideo(theirs, others)
        except MalformedError as error:
            self.phone.complain(f"session-accept: {error}")
            self.terminate("incompatible-parameters", str(error))
            self.giveUp("incompatible-parameters")
            self.finish("we hung up")
            return
        self.connectMedia(theirs)
        self._answered.come(self)

    def _checkVideo(self, theirs: Content, others: list[Content]) -> None:
        """
        Is it an answer that WebRTC takes, in which we are to send no video?  If nobody is, Chromium does not hear
        the audio; and Movim has another word for who answers.  Who has a way for each content waits for that of a video
        which is accepted (Dino).

        @raise MalformedError: if not.
        """
        expected = self._video if self.phone.clientProfile.bundles else ()
        if [each.name for each in others] != [each.name for each in expected]:
            raise MalformedError(f"{len(others)} contents besides the audio")
        for said in others:
            if (said.media, said.senders) != (
                "video",
                "initiator" if self.phone.clientProfile.initiator == "bare" else "responder",
            ):
                raise MalformedError(f"{said.media} from {said.senders}")
            if not said.codecs or any(each not in VIDEO for each in said.codecs):
                raise MalformedError("another video than was offered")
            mine = evolve(theirs.transport, candidates=(), keys=())
            if evolve(said.transport, candidates=(), keys=()) != mine:
                raise MalformedError("video by another way than the audio")

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
