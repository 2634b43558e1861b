# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
A call as a Jingle client sees it: what is the same no matter who called.  Its session, its media, its ending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import Candidate, Codec, TransportAddress, TransportDescription
from ichatgw.sim.jingle.endpoint import Endpoint
from ichatgw.sim.jingle.xml import (
    DTMF,
    GROUPING,
    JINGLE,
    RTP,
    RTP_INFO,
    Content,
    addContent,
    addReason,
    contentOf,
    parseTransport,
    reasonOf,
)
from ichatgw.sim.media.media import PCMA, PCMU, Media
from ichatgw.sim.moment import OneShot
from ichatgw.sim.xmpp import xml

if TYPE_CHECKING:
    from ichatgw.sim.jingle.client import JinglePhone

Refusal = tuple[str, str]
"""The condition of an error, and Jingle's own detail of it."""

INFOS = ("ringing", "active", "hold", "unhold", "mute", "unmute")


@define(eq=False)
class JingleCall:
    """
    @ivar peer: the other side's address: bare at first, full when it is known with whom we speak.
    @ivar outcome: how it ended: C{we hung up}, C{they hung up}, C{rejected}, C{retracted}, ...
    @ivar condition: the reason that the other side gave; C{words}: its text.
    @ivar requests: what it asked for in the session, the actions in order, with the name of an info behind it.
    @ivar held: whether it has put us on hold.
    @ivar keys: those that it pressed by signalling (XEP-0181).
    @ivar answeredAt: when the session was accepted, C{connectedAt}: when media could flow.
    """

    phone: JinglePhone
    peer: str
    sid: str
    media: Media
    isOutbound: bool
    outcome: str = field(default="", init=False)
    condition: str = field(default="", init=False)
    words: str = field(default="", init=False)
    requests: list[str] = field(factory=list, init=False)
    held: bool = field(default=False, init=False)
    keys: str = field(default="", init=False)
    answeredAt: float = field(default=0.0, init=False)
    connectedAt: float | None = field(default=None, init=False)
    endpoint: Endpoint | None = field(default=None, init=False)
    content: Content = field(init=False)
    hasSession: bool = field(default=False, init=False)
    _ringing: OneShot[str] = field(factory=OneShot, init=False)
    _answered: OneShot[JingleCall] = field(factory=OneShot, init=False)
    _connected: OneShot[JingleCall] = field(factory=OneShot, init=False)
    _ended: OneShot[JingleCall] = field(factory=OneShot, init=False)
    _timers: list[IDelayedCall] = field(factory=list, init=False)
    _ufrag: str = field(default="", init=False)

    def __attrs_post_init__(self) -> None:
        self.content = Content(self.phone.clientProfile.content)

    @property
    def over(self) -> bool:
        return self._ended.happened

    @property
    def isUp(self) -> bool:
        """Is it answered, and not over?"""
        return self._answered.happened and not self.over

    def whenRinging(self) -> Deferred[str]:
        """Fires when the callee rings: with C{message} or C{session}, as that was said."""
        return self._ringing.when()

    def whenAnswered(self) -> Deferred[JingleCall]:
        """Fires when the session is accepted."""
        return self._answered.when()

    def whenConnected(self) -> Deferred[JingleCall]:
        """Fires when media can flow."""
        return self._connected.when()

    def whenEnded(self) -> Deferred[JingleCall]:
        """Fires when the call is over, no matter who ended it."""
        return self._ended.when()

    # What the user does

    def hangup(self, condition: str = "") -> None:
        """End the call, in whatever state it is."""
        if self.over:
            return
        if self.hasSession:
            self.terminate(condition or ("success" if self._answered.happened else "cancel"))
        self.giveUp(condition)
        self.finish("we hung up")

    def giveUp(self, condition: str) -> None:
        """Say by a message what there is to say when it ends."""
        raise NotImplementedError

    def vanish(self) -> None:
        """Be gone, as somebody whose battery is empty: without a word, and without media."""
        self.finish("vanished")

    def hold(self) -> None:
        """Put the other side on hold."""
        self.media.muted = True
        self.inform("hold")

    def unhold(self) -> None:
        """Take it off."""
        self.media.muted = False
        self.inform("unhold")

    def mute(self, muted: bool = True) -> None:
        """Say nothing for a while, or something again."""
        self.media.muted = muted
        self.inform("mute" if muted else "unmute", creator=self.content.creator, name=self.content.name)

    def press(self, keys: str) -> None:
        """Press keys (RFC 4733)."""
        self.media.press(keys)

    def pressBySignal(self, key: str, milliseconds: int = 100) -> Deferred[Element]:
        """Press a key, and say so by signalling (XEP-0181)."""
        return self.request(
            "session-info", lambda jingle: xml.add(jingle, "dtmf", DTMF, code=key, duration=str(milliseconds))
        )

    def modify(self, senders: str) -> Deferred[Element]:
        """Say anew who sends."""
        return self.request("content-modify", lambda jingle: addContent(jingle, self._named(senders=senders)))

    def addVideo(self) -> Deferred[Element]:
        """Ask for video as well."""
        video = Content("video", "initiator" if self.isOutbound else "responder", media="video")
        video = evolve(video, codecs=(Codec("VP8", 90000, 96),), kind=self.content.kind)
        return self.request("content-add", lambda jingle: addContent(jingle, video))

    def restartICE(self) -> Deferred[Element]:
        """Look for the way of media anew."""
        assert self.endpoint is not None
        self.endpoint.renew()
        return self._tellTransport(evolve(self.endpoint.local, fingerprint=None))

    # What is said

    def request(self, action: str, build: Callable[[Element], object] = lambda jingle: None) -> Deferred[Element]:
        """
        Ask for something in the session.

        @return: the answer; fails if it is an error.
        """
        iq = xml.element("iq", type="set", to=self.peer)
        jingle = xml.add(iq, "jingle", JINGLE, action=action, sid=self.sid)
        build(jingle)
        return self.phone.account.ask(iq)

    def inform(self, name: str, /, **attributes: str) -> None:
        """Send a C{session-info}, and look whether it is taken."""
        self.request("session-info", lambda jingle: xml.add(jingle, name, RTP_INFO, **attributes)).addErrback(
            lambda reason: self.phone.complain(f"session-info {name}: {reason.getErrorMessage():.120}")
        )

    def terminate(self, condition: str, words: str = "") -> None:
        """End the session."""
        self.hasSession = False
        self.request("session-terminate", lambda jingle: addReason(jingle, condition, words)).addErrback(
            lambda reason: None
        )

    def describe(self, jingle: Element, *, transport: TransportDescription, codecs: tuple[Codec, ...]) -> None:
        """Write our content into an initiate or accept."""
        profile = self.phone.clientProfile
        if profile.trickles:
            transport = evolve(transport, candidates=())
        self.content = evolve(
            self.content,
            codecs=codecs,
            transport=evolve(transport, muxed=profile.muxes),
            kind=profile.transport,
        )
        contents = [self.content, *self.besides(transport)]
        for content in contents:
            addContent(jingle, content)
        if profile.bundles:
            group = xml.add(jingle, "group", GROUPING, semantics="BUNDLE")
            for content in contents:
                xml.add(group, "content", name=content.name)

    def besides(self, transport: TransportDescription) -> tuple[Content, ...]:
        """
        The contents that stand beside that of the call.

        @param transport: that of the call.
        """
        return ()

    def trickle(self) -> None:
        """Tell the candidates one by one, if that is our habit."""
        if self.phone.clientProfile.trickles and self.endpoint is not None:
            local = self.endpoint.local
            for candidate in local.candidates:
                self._tellTransport(evolve(local, candidates=(candidate,), fingerprint=None))

    def _tellTransport(self, transport: TransportDescription) -> Deferred[Element]:
        content = self._named(transport=transport, kind=self.phone.clientProfile.transport)
        told = self.request("transport-info", lambda jingle: addContent(jingle, content))
        told.addErrback(
            lambda reason: None if self.over else self.phone.complain(f"transport-info: {reason.getErrorMessage()}")
        )
        return told

    def _named(self, **more: object) -> Content:
        """Our content, with nothing in it but this."""
        return evolve(Content(self.content.name, self.content.creator), **more)  # type: ignore[arg-type]

    def sendMessage(self, word: str, to: str, condition: str = "", words: str = "") -> Element:
        """Say a word of XEP-0353."""
        message = xml.element("message", type="chat", to=to, id=f"jm-{word}-{self.sid}")
        said = self.phone.word(message, word, self.sid)
        if condition:
            addReason(said, condition, words)
        self.phone.send(message)
        return said

    # What comes

    def told(self, word: str, message: Element, said: Element) -> None:
        """A word of XEP-0353 about this call."""
        raise NotImplementedError

    def objection(self, action: str, jingle: Element) -> Refusal | None:
        """Why a request within the session is refused."""
        if action in ("session-initiate", "session-accept", "content-accept"):
            return "unexpected-request", "out-of-order"
        info = next(xml.children(jingle), None)
        if action != "session-info" or info is None or info.uri == DTMF:
            return None
        isKnown = info.uri == RTP_INFO and info.name in INFOS
        return None if isKnown else ("feature-not-implemented", "unsupported-info")

    def asked(self, action: str, jingle: Element) -> None:
        """
        A request within the session, to which there was no objection.

        @raise MalformedError: if it cannot be read.
        """
        self.requests.append(action)
        if action == "session-terminate":
            self.condition, self.words = reasonOf(jingle)
            self.hasSession = False
            self.terminated()
        elif action == "session-info":
            self._informed(jingle)
        elif action == "transport-info":
            self._transportInfo(jingle)
        elif action == "content-modify":
            mine = ("both", "", "initiator" if self.isOutbound else "responder")
            self.held = contentOf(jingle).senders not in mine
        elif action == "content-add":
            self.phone.complain(f"content-add of {contentOf(jingle).media}")

    def terminated(self) -> None:
        """The other side has ended the session."""
        self.finish("they hung up")

    def _informed(self, jingle: Element) -> None:
        info = next(xml.children(jingle), None)
        if info is None:
            return
        self.requests[-1] += f" {info.name}"
        if info.uri == DTMF:
            self.keys += xml.get(info, "code")
        elif info.name == "ringing":
            self._ringing.come("session")
        elif info.name in ("hold", "unhold", "active"):
            self.held = info.name == "hold"

    def _transportInfo(self, jingle: Element) -> None:
        content = next((each for each in xml.children(jingle) if each.name == "content"), None)
        element = None if content is None else xml.child(content, "transport", self.phone.clientProfile.transport)
        if element is None or self.endpoint is None:
            return
        transport = parseTransport(element)
        if transport.ufrag and self._ufrag and transport.ufrag != self._ufrag:
            self._ufrag = transport.ufrag
            self.endpoint.connect(transport)
        else:
            self.endpoint.add(transport.candidates)

    # Media

    def openMedia(self, offered: TransportDescription | None) -> TransportDescription:
        """Make our end of media; what it says of itself."""
        self.endpoint = self.phone.newEndpoint(self, offered)
        self.media.send, self.media.sendControl = self.endpoint.send, self.endpoint.sendControl
        return self.endpoint.local

    def connectMedia(self, theirs: Content) -> None:
        """Both have described themselves."""
        assert self.endpoint is not None
        ours = self.content.find("telephone-event", 8000)
        event = theirs.find("telephone-event", 8000)
        self.media.heardEventType = ours.payloadType if ours is not None else None
        mine = {each.payloadType for each in spokenOf(self.content.codecs)}
        common = [each for each in theirs.codecs if each in spokenOf(theirs.codecs) and each.payloadType in mine]
        common = common if self.phone.clientProfile.firstOnly and self.isOutbound else spokenOf(common)
        self.media.spoken = tuple(each.payloadType for each in common)
        self.media.eventType = event.payloadType if event is not None else None
        self._ufrag = theirs.transport.ufrag
        self.answeredAt = self.phone.reactor.seconds()
        self.endpoint.connect(theirs.transport)

    def mediaConnected(self, remote: TransportAddress, control: TransportAddress) -> None:
        """See L{ichatgw.sim.jingle.endpoint.Listener}."""
        if self.over:
            return
        if self.connectedAt is None:
            self.connectedAt = self.phone.reactor.seconds()
        self.media.start(remote, control)
        self._connected.come(self)

    def mediaFailed(self, why: str) -> None:
        """See L{ichatgw.sim.jingle.endpoint.Listener}."""
        if not self.over:
            self.words = why
            if self.hasSession:
                self.terminate("connectivity-error", why)
            self.giveUp("connectivity-error")
            self.finish("media failed")

    def mediaReceived(self, datagram: bytes) -> None:
        """See L{ichatgw.sim.jingle.endpoint.Listener}."""
        if not self.over:
            self.media.datagramReceived(datagram)

    def candidates(self) -> tuple[Candidate, ...]:
        """Where we can be reached."""
        return () if self.endpoint is None else self.endpoint.local.candidates

    # The end

    def finish(self, outcome: str) -> None:
        """The call is over.  Idempotent."""
        if self.over:
            return
        self.outcome = outcome
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self.media.stop()
        if self.endpoint is not None:
            self.endpoint.close()
        why = ", ".join(part for part in (outcome, self.condition, self.words) if part)
        for moment in (self._ringing, self._answered, self._connected):
            moment.miss(why)
        self._ended.come(self)

    def later(self, delay: float, what: Callable[..., object], *arguments: object) -> None:
        """Do something in a while, unless the call ends before."""
        self._timers.append(self.phone.reactor.callLater(delay, what, *arguments))

    def check(self, theirs: Content) -> None:
        """
        Is it a content that every client understands?

        @raise MalformedError: if we do not: there is no tone in it that we can make or hear.
        """
        complain = self.phone.complain
        said = theirs.transport
        if theirs.media != "audio" or theirs.kind != self.phone.clientProfile.transport:
            complain(f"{theirs.media} over {theirs.kind}")
        words = (theirs.name, said.ufrag, said.password, *(each.parameters for each in theirs.codecs))
        if any(map(str.isspace, "".join(words))):
            complain("white space in a name, ufrag, pwd or parameter")
        if said.fingerprint is not None and said.fingerprint.value != said.fingerprint.value.upper():
            complain("a fingerprint in lower case")
        if not spokenOf(theirs.codecs):
            named = " ".join(each.name for each in theirs.codecs) or "nothing"
            raise MalformedError(f"the simulator speaks PCMU and PCMA, and was told {named}")
        if self.phone.clientProfile.firstOnly and self.isOutbound and not spokenOf(theirs.codecs[:1]):
            complain(f"{theirs.codecs[0].name} is the first format of the answer, and not what is spoken")


def spokenOf(codecs: Iterable[Codec]) -> list[Codec]:
    """Those of the formats that can be spoken here, by their static numbers: PCMU if there is a choice."""
    found = [each for each in codecs if (each.name.upper(), each.payloadType) in (("PCMU", PCMU), ("PCMA", PCMA))]
    return sorted(found, key=lambda each: each.payloadType)


def descriptionOf(parent: Element, media: str) -> None:
    """What a proposal says of a kind of media."""
    xml.add(parent, "description", RTP, media=media)
