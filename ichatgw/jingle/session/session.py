# -*- test-case-name: ichatgw.test.sip.dialog.test_offerless,ichatgw.test.jingle -*-
"""
One Jingle session with one client (XEP-0166): what it says is checked against the state of the session, its audio is
negotiated, and its media is handed to a transport.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, evolve, field
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.interfaces import IMediaSide, IMediaTransport, ITransportNews
from ichatgw.jingle.session.actions import (
    ABOUT_OTHERS,
    ABSENT,
    LOST,
    NoTransport,
    Phase,
    Refusal,
    audioOf,
    endingOf,
    refusalOf,
)
from ichatgw.jingle.session.interfaces import NoOwner, SessionLink, SessionOwner
from ichatgw.jingle.session.reasons import fromReason, toReason
from ichatgw.jingle.session.remotetransport import RemoteTransport
from ichatgw.jingle.session.unwantedcontents import accepted, named, responder, writeStub
from ichatgw.jingle.stanzas.description import directionOf, sendersOf, writeDescription
from ichatgw.jingle.stanzas.jingle import (
    Action,
    Content,
    Info,
    Jingle,
    Reason,
    writeBundle,
    writeContent,
    writeDigit,
    writeInfo,
)
from ichatgw.jingle.stanzas.transport import writeTransport
from ichatgw.model import (
    PCMA,
    PCMU,
    Candidate,
    Codec,
    Direction,
    Ending,
    EndReason,
    SessionDescription,
    Tone,
    TransportDescription,
    TransportKind,
)
from ichatgw.sdp import answerCodecs, asOffered, commonCodecs, distinct, eventful, makeable, withEvents, withMore

CONTENT_NAME = "audio"

_EVERYWHERE = SessionDescription((PCMU, PCMA))

_log = Logger()


def _isEverywhere(codec: Codec) -> bool:
    """
    Is it safe to let a client send it before the other party has said what it speaks?  A client cannot be asked to go
    over to another format later.
    """
    return codec.isEvent or _EVERYWHERE.find(codec) is not None


@implementer(ITransportNews)
@define(eq=False, kw_only=True)
class Session:
    """
    It owns the transport of its media from the moment it sends its own description, and closes it when it is over.

    What comes is first looked at by L{refusal}, and if that has nothing to say, acknowledged and then L{take}n.

    @ivar us: our full address in the session, C{them} the client's.
    @ivar isInitiator: have we offered?
    @ivar rang: had the other party of the call been heard to ring, as far as the client was told?
    @ivar theirs: what the client speaks, as was agreed; its direction changes with what the client says.
    """

    us: JID
    them: JID
    sid: str
    isInitiator: bool
    link: SessionLink[Session]
    owner: SessionOwner[Session]
    phase: Phase = field(init=False, default=Phase.PENDING)
    rang: bool = field(init=False, default=False)
    offer: SessionDescription = field(init=False, default=SessionDescription(()))
    theirs: SessionDescription = field(init=False, default=SessionDescription(()))
    _name: str = field(init=False, default=CONTENT_NAME)
    _creator: str = field(init=False, default="initiator")
    _bundled: bool = field(init=False, default=False)
    _remote: RemoteTransport = field(init=False, factory=RemoteTransport)
    _transport: IMediaTransport | None = field(init=False, default=None)
    _offered: tuple[Content, ...] = field(init=False, default=())
    _responder: str = field(init=False, default="responder")
    _side: IMediaSide | None = field(init=False, default=None)
    _described: bool = field(init=False, default=False)
    _connected: bool = field(init=False, default=False)
    _senders: Direction = field(init=False, default=Direction.SENDRECV)
    _holds: bool = field(init=False, default=False)
    _isHeld: bool = field(init=False, default=False)

    @property
    def isConnected(self) -> bool:
        """Can media flow?"""
        return self._connected

    # Orders of the leg

    def receive(self, jingle: Jingle) -> None:
        """
        The client's C{session-initiate}.

        @raise CallError: if there is nothing in it that we can carry.
        """
        self.link.enter(self)
        content = audioOf(jingle)
        self._name, self._creator, self._bundled = content.name, content.creator, jingle.bundled
        direction = directionOf(content.senders, True)
        self.offer = SessionDescription(content.codecs, direction=direction, packing=content.packing)
        self._offered, self._responder = named(content, jingle.contents), responder(jingle)
        self._remote.describe(content)

    def initiate(self, far: SessionDescription, kind: TransportKind = TransportKind.DTLS) -> None:
        """
        Offer a session.

        @param far: what the other party of the call speaks.
        @param kind: the transport that is offered.
        @raise CallError: if no transport can be had.
        """
        codecs = far.codecs if not far.isSupposed else tuple(each for each in far.codecs if _isEverywhere(each))
        codecs = withEvents(withMore(eventful(codecs), makeable(codecs)))
        self.offer = SessionDescription(distinct(codecs), packing=far.packing)
        self.link.enter(self)
        self._transport = self._makeTransport(None, kind)
        self._bundled = self._transport.local.fingerprint is not None  # or Movim's browser takes no offer (max-bundle)
        if self.phase is Phase.PENDING:
            self._describe(Action.INITIATE, self.offer, "both")

    def accept(self, answer: SessionDescription) -> None:
        """
        Take the client's offer.

        @raise CallError: if there is no common format, or no transport can be had.
        """
        told = answerCodecs(eventful(answer.codecs), self.offer)
        codecs = commonCodecs(told, self.offer)
        transport = self._makeTransport(self._remote.said)
        if self.phase is not Phase.PENDING:
            transport.close()
            return
        self._transport = transport
        self.phase = Phase.ACTIVE
        self._senders = self.offer.direction
        self.theirs = evolve(self.offer, codecs=codecs)
        ours = SessionDescription(told, packing=answer.packing)
        self._describe(Action.ACCEPT, ours, sendersOf(self._senders.mirrored, False))
        self._listen()
        transport.connect(self._remote.said, self.theirs, told)

    def inform(self, name: str) -> None:
        """C{ringing}, C{hold} and the like."""
        if self.phase is not Phase.OVER:
            self._ask(Action.INFO, writeInfo(name))

    def tellHold(self, held: bool) -> None:
        """Tell the client that the other party of the call has put it on hold, or taken it off."""
        if self.phase is Phase.ACTIVE and held is not self._isHeld:
            self._isHeld = held
            self.inform("hold" if held else "unhold")

    def tellKey(self, key: str, milliseconds: int) -> None:
        """Tell the client that the other party has pressed a key (XEP-0181)."""
        if self.phase is Phase.ACTIVE:
            self._ask(Action.INFO, writeDigit(key, milliseconds))

    def terminate(self, ending: Ending) -> None:
        """End it; the leg need not be told."""
        if self.phase is not Phase.OVER:
            self._ask(Action.TERMINATE, toReason(ending, self.rang).toElement())
            self.drop()

    def drop(self) -> None:
        """End the session without sending C{session-terminate}."""
        self.phase = Phase.OVER
        side, self._side = self._side, None
        if side is not None:
            side.listen(None)
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        self.link.leave(self)

    def letGo(self) -> None:
        """The leg has ended: let go of it."""
        self.owner = NoOwner.after(self.owner)

    def _makeTransport(
        self, remote: TransportDescription | None, kind: TransportKind = TransportKind.DTLS
    ) -> IMediaTransport:
        if self.phase is Phase.OVER:
            raise NoTransport("the session is over")
        try:
            return self.link.transports.make(self.owner.call.id, self.owner.side, self, remote, kind)
        except CallError as error:
            if error.reason is EndReason.INCOMPATIBLE:
                raise NoTransport(str(error)) from error
            raise

    def _listen(self) -> None:
        """It is this session's client whose media comes to our side from now on."""
        self._side = self.owner.side
        self._side.listen(self._heard)

    def _heard(self, tone: Tone) -> None:
        """The client has pressed a key in its media, and the other party takes none there."""
        self.owner.sessionPressed(self, tone.key, tone.milliseconds)

    def _describe(self, action: Action, media: SessionDescription, senders: str) -> None:
        assert self._transport is not None
        local = self._transport.local
        self._described = True
        content = writeContent(
            self._creator,
            self._name,
            writeDescription(media, local.keys, bool(local.keys), local.muxed),
            writeTransport(local),
            senders=senders,
        )
        told, left = accepted(content, self._offered, self._bundled, local, self._responder)
        self._ask(action, *told, *([writeBundle(each["name"] for each in told)] if self._bundled else []))
        # Only now: before the accept, some take it for the end of the whole session (Conversations, stanza.js).
        self._turnDown(Action.CONTENT_REMOVE, left)

    def _turnDown(self, action: Action, contents: Sequence[Content]) -> None:
        if contents:
            reason = Reason("unsupported-applications").toElement()
            self._ask(action, *map(writeStub, contents), reason)

    def _rejectTransports(self, contents: Sequence[Content]) -> None:
        told = []
        for content in contents:
            same = [] if content.transport is None else [Element((content.transport.namespace, "transport"))]
            told.append(writeContent(content.creator, content.name, *same))
        if told:
            self._ask(Action.TRANSPORT_REJECT, *told)

    def _ask(self, action: Action, *payload: Element) -> None:
        if self.phase is not Phase.OVER:
            self.link.ask(self, action, *payload)

    # What comes from the client

    def refusal(self, jingle: Jingle) -> Refusal | None:
        """Why this cannot be taken now."""
        return refusalOf(jingle, self.phase, self.isInitiator)

    def take(self, jingle: Jingle) -> None:
        """What L{refusal} had nothing against, and was acknowledged."""
        take = None if jingle.action is None else _TAKES.get(jingle.action)
        if take is not None:
            take(self, jingle)

    def _terminated(self, jingle: Jingle) -> None:
        self._over(fromReason(jingle.reason, self.phase is Phase.ACTIVE, not self.isInitiator))

    def _toldOf(self, jingle: Jingle) -> None:
        for info in jingle.infos:
            self._informed(info)

    def _toldOfTransports(self, jingle: Jingle) -> None:
        for content in self._ours(jingle):
            self._transportInfo(content)

    def _modified(self, jingle: Jingle) -> None:
        for content in self._ours(jingle):
            self._senders = directionOf(content.senders, not self.isInitiator)
            self._hold()

    def _removed(self, jingle: Jingle) -> None:
        if self._ours(jingle):
            ending = fromReason(jingle.reason, self.phase is Phase.ACTIVE)
            self.terminate(ending)  # nothing is left of it (XEP-0166 section 7.2.5)
            self.owner.sessionEnded(self, ending)

    def answeredRequest(self, action: Action) -> None:
        """The client has acknowledged a request of ours."""
        if action is Action.INITIATE and self.phase is Phase.PENDING:
            self.owner.sessionAcknowledged(self)

    def failedRequest(self, action: Action, condition: str, ending: Ending) -> None:
        """
        The client, or its server, refused a request of ours.  If that is the end, the client is told: it may think that
        the session lives on (stanza.js, whose browser did not take our accept).
        """
        if action in (Action.INITIATE, Action.ACCEPT) or (condition in LOST and action not in ABOUT_OTHERS):
            if condition in ABSENT:
                self._over(ending)
            else:
                self._fail(ending)

    def _ours(self, jingle: Jingle) -> list[Content]:
        """
        What is about our content.  Whose it is (C{creator}) is not looked at: there is only one, and some take the
        wrong one for its creator (Siskin).
        """
        return [content for content in jingle.contents if content.name == self._name]

    def _over(self, ending: Ending) -> None:
        if self.phase is not Phase.OVER:
            self.drop()
            self.owner.sessionEnded(self, ending)

    def _fail(self, ending: Ending) -> None:
        """It cannot go on: the client and the leg are told."""
        if self.phase is not Phase.OVER:
            self.terminate(ending)
            self.owner.sessionEnded(self, ending)

    def _accepted(self, jingle: Jingle) -> None:
        try:
            content = audioOf(jingle)
            direction = directionOf(content.senders, False)
            said = SessionDescription(content.codecs, direction=direction, packing=content.packing)
            theirs = asOffered(said, self.offer.codecs)
            ours = commonCodecs(theirs.codecs, self.offer)
            codecs = tuple(codec for codec in theirs.codecs if self.offer.find(codec) is not None)
        except CallError as error:
            self._fail(endingOf(error))
            return
        self._remote.describe(content)
        self.phase = Phase.ACTIVE
        self._senders = theirs.direction
        answer = self.theirs = evolve(theirs, codecs=codecs, direction=self._direction)
        assert self._transport is not None
        self._listen()
        self._transport.connect(self._remote.said, answer, ours)
        if self.phase is Phase.ACTIVE:
            self.owner.sessionAccepted(self, answer)

    def _informed(self, info: Info) -> None:
        if info.name == "ringing":
            self.owner.sessionRang(self)
        elif info.name in ("hold", "unhold", "active"):
            self._holds = info.name == "hold"
            self._hold()
        elif info.name == "dtmf" and info.code:
            self.owner.sessionPressed(self, info.code.upper(), info.duration)

    @property
    def _direction(self) -> Direction:
        """
        Which way the client lets media flow, by who sends, and by who is on hold.  Who holds may send music (XEP-0167
        section 8.2).
        """
        return self._senders.within(Direction.SENDONLY) if self._holds else self._senders

    def _hold(self) -> None:
        """The client has said which way media flows; what is said again is no news."""
        direction = self._direction
        if self._transport is None or self.phase is not Phase.ACTIVE or direction is self.theirs.direction:
            return
        self.theirs = evolve(self.theirs, direction=direction)
        self._transport.hold(direction)
        self.owner.sessionHeld(self, direction)

    # The transport

    def _transportInfo(self, content: Content) -> None:
        if content.transport is None:
            return
        said = content.transport.description
        if self._remote.isOfAnotherRound(said):
            if said.password and self._transport is not None and self.phase is Phase.ACTIVE:
                self._restart(said)
            elif said.password and self._transport is None:
                self._remote.moved(said)  # our accept will answer its latest round
            return
        fresh = self._remote.fresh(said.candidates)
        if self.phase is Phase.PENDING:
            self._remote.add(fresh)
        elif fresh and self._transport is not None:
            self._transport.addCandidates(fresh)

    def _restart(self, said: TransportDescription) -> None:
        """The client has started ICE anew."""
        assert self._transport is not None
        if not self._remote.restarted(said):
            return
        local = self._transport.restart(self._remote.said)
        _log.info("call={call} leg={leg} starts ICE anew", call=self.owner.call.id, leg=self.owner.id)
        self._tellTransport(local, None)

    def _tellTransport(self, local: TransportDescription, candidates: Sequence[Candidate] | None) -> None:
        told = evolve(local, fingerprint=None)
        transport = writeTransport(told, candidates, self._remote.generation)
        self._ask(Action.TRANSPORT_INFO, writeContent(self._creator, self._name, transport))

    def candidatesFound(self, candidates: Sequence[Candidate]) -> None:
        """See L{ITransportNews}."""
        if self._described and self._transport is not None and self.phase is not Phase.OVER:
            self._tellTransport(self._transport.local, candidates)

    def connected(self) -> None:
        """See L{ITransportNews}."""
        if self.phase is not Phase.OVER and not self._connected:
            self._connected = True
            self.owner.sessionConnected(self)

    def failed(self, ending: Ending) -> None:
        """See L{ITransportNews}."""
        self._fail(ending)


_TAKES: Mapping[Action, Callable[[Session, Jingle], None]] = {
    Action.ACCEPT: Session._accepted,
    Action.TERMINATE: Session._terminated,
    Action.INFO: Session._toldOf,
    Action.TRANSPORT_INFO: Session._toldOfTransports,
    Action.TRANSPORT_REPLACE: lambda session, jingle: session._rejectTransports(jingle.contents),
    Action.CONTENT_ADD: lambda session, jingle: session._turnDown(Action.CONTENT_REJECT, jingle.contents),
    Action.CONTENT_MODIFY: Session._modified,
    Action.CONTENT_REMOVE: Session._removed,
}
"""What a client can ask of a session."""
