# -*- test-case-name: ichatgw.test.jingle.test_fork,ichatgw.test.jingle.test_outbound,ichatgw.test.jingle.test_contract -*-  # noqa: E501
"""
The clients of a user that ring at once: by one proposal (XEP-0353), and those that know none by a session each.
"""

from __future__ import annotations

from uuid import uuid4

from attrs import define, field
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import CallError
from ichatgw.jingle.farewells import terminated, told
from ichatgw.jingle.leg import LegLink
from ichatgw.jingle.selection import Clients, Targets, select, transportFor
from ichatgw.jingle.session.actions import endingOf
from ichatgw.jingle.session.interfaces import NoOwner, SessionOwner
from ichatgw.jingle.session.reasons import toReason
from ichatgw.jingle.session.session import Session
from ichatgw.jingle.stanzas.jingle import Reason
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.model import Ending, EndReason, Farewell, SessionDescription, TransportKind
from ichatgw.xmpp.stanzas import bareJID

MAX_SESSIONS = 8
"""As many clients of a user are sent a session at once."""

_log = Logger()

#: After one of these the user has spoken; after another, what failed is one client, and the others ring on.
_THE_USER = frozenset({EndReason.HANGUP, EndReason.CANCELLED, EndReason.BUSY, EndReason.DECLINED})

_ELSEWHERE = Ending(EndReason.ANSWERED_ELSEWHERE, "answered elsewhere")


def newId() -> str:
    """A name for a session that no other one has."""
    return str(uuid4())


@define(eq=False, kw_only=True)
class Ringing:
    """
    Knows who was called, and ends it for those who do not get the call.

    What comes to nothing is returned, and nothing is done about it here.

    @ivar owner: the leg that the sessions belong to.
    @ivar callee: a bare address, or a full one to call that client only.
    @ivar us: the full address under which the caller calls.
    @ivar sid: of the proposal, and of the session with the client that takes it.
    @ivar served: the namespaces of the transports that we have.
    @ivar name: that of the caller, for people.
    @ivar taker: the client that has the call; C{None} as long as none has it.
    """

    owner: SessionOwner[Session]
    callee: JID
    us: JID
    sid: str
    link: LegLink
    clients: Clients
    served: frozenset[str]
    name: str = ""
    taker: JID | None = field(init=False, default=None)
    _proposed: bool = field(init=False, default=False)
    _bounced: bool = field(init=False, default=False)
    _joined: bool = field(init=False, default=False)
    _direct: dict[JID, Session] = field(init=False, factory=dict)
    _lost: set[JID] = field(init=False, factory=set)

    @property
    def isProposed(self) -> bool:
        """Does a proposal wait for a word of the user?"""
        return self._proposed and self.taker is None

    def targets(self) -> Targets:
        """Who can be called now."""
        return select(self.clients, self.callee, self.served)

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        found = [terminated(self.us, session.them, session.sid) for session in self._direct.values()]
        if self.isProposed:
            found.append(told(Word.RETRACT, self.us, self.callee, self.sid))
        if self._joined and self.taker is not None:
            found.append(told(Word.FINISH, self.us, self.taker, self.sid))
        return tuple(found)

    # Calling

    def call(self, targets: Targets, far: SessionDescription) -> Ending | None:
        """
        Call those who should be called now and were not before.

        @return: why no client rings, if none does.
        """
        if targets.propose and not self._proposed and not self._bounced:
            self._proposed = True
            self._note("proposes to", self.callee)
            self.link.show(self.callee, self.us)
            self._say(self.callee, Word.PROPOSE, media=("audio",))
        problem = None
        for jid in targets.initiate:
            if jid not in self._direct and jid not in self._lost and len(self._direct) < MAX_SESSIONS:
                problem = self._initiate(jid, newId(), far) or problem
        return None if self._direct or self._proposed else problem

    def join(self, jid: JID, far: SessionDescription) -> Ending | None:
        """
        C{jid} takes the call that was proposed, and the others stop ringing.

        @return: why it cannot be sent a session, if so.
        """
        self.taker, self._joined = jid, True
        self._dropOthers(None)
        return self._initiate(jid, self.sid, far)

    def choose(self, session: Session) -> None:
        """C{session} is accepted, and the others stop ringing."""
        if self.isProposed:
            self._retract(self.callee, _ELSEWHERE)
        self.taker = session.them
        self._dropOthers(session)

    def tooLate(self, jid: JID) -> None:
        """C{jid} takes the call that another client has."""
        if jid != self.taker:
            self._retract(jid, _ELSEWHERE)

    def _initiate(self, jid: JID, sid: str, far: SessionDescription) -> Ending | None:
        session = Session(us=self.us, them=jid, sid=sid, isInitiator=True, link=self.link, owner=self.owner)
        self._direct[jid] = session
        self._note("rings", jid)
        self.link.show(jid, self.us)
        try:
            session.initiate(far, self._transportFor(jid))
        except CallError as error:
            self._lost.add(jid)
            self._direct.pop(jid).drop()
            return endingOf(error)
        return None

    def _transportFor(self, jid: JID) -> TransportKind:
        """What a client can be offered, by what is known of it."""
        known = (one for one in self.clients.resources(bareJID(jid)) if one.jid == jid)
        return next((transportFor(self.clients.features(one), self.served) for one in known), TransportKind.DTLS)

    # What comes to nothing

    def rejected(self, ending: Ending) -> None:
        """
        A client has rejected the proposal, and the others are told: not all servers hand on what it tells them, and not
        all clients tell them anything.
        """
        if self.isProposed and not self.callee.resource:
            self._retract(self.callee, ending)
        self._proposed = False

    def lose(self, jid: JID, ending: Ending) -> Ending | None:
        """
        A client, or with a bare address all of them, cannot be reached any more.

        @return: C{ending} if it was the last.
        """
        for asked in [asked for asked in self._direct if jid in (asked, bareJID(asked))]:
            self._lost.add(asked)
            self._direct.pop(asked).drop()
        targets = self.targets()
        return None if self._direct or (self._proposed and (targets.propose or not targets.known)) else ending

    def bounce(self, jid: JID, ending: Ending) -> Ending | None:
        """
        The user's server, or with a full address one of their clients, takes no proposal.  One client that does not
        know what it is (and sends an error, as it should not) does not speak for the others.

        @return: C{ending} if no client rings now.
        """
        if jid.resource and not self.callee.resource:
            return None
        self._proposed, self._bounced = False, True
        return None if self._direct else ending

    def ended(self, session: Session, ending: Ending) -> Ending | None:
        """
        A session has ended while all rang.

        @return: C{ending} if the call did too.
        """
        self._lost.add(session.them)
        self.last(session)
        return ending if ending.reason in _THE_USER or not (self._direct or self._proposed) else None

    def last(self, session: Session) -> bool:
        """C{session} has ended; was it the one that the call hangs on?"""
        if self._direct.get(session.them) is not session:
            return False
        del self._direct[session.them]
        return True

    # Ending

    def stop(self, ending: Ending) -> None:
        """Stop all clients that ring or are about to talk."""
        if self.isProposed:
            elsewhere = ending.reason is EndReason.ANSWERED_ELSEWHERE
            self._retract(self.callee, ending if elsewhere else Ending(EndReason.CANCELLED, ending.text))
        for session in tuple(self._direct.values()):
            session.terminate(ending)
        self._direct = {}
        if self._joined and self.taker is not None:
            self._say(self.taker, Word.FINISH, reason=toReason(ending))
        self.owner = NoOwner.after(self.owner)

    def _dropOthers(self, chosen: Session | None) -> None:
        for session in tuple(self._direct.values()):
            if session is not chosen:
                session.terminate(_ELSEWHERE)
        self._direct = {} if chosen is None else {chosen.them: chosen}

    def _retract(self, to: JID, ending: Ending) -> None:
        if ending.reason is EndReason.ANSWERED_ELSEWHERE:
            self._say(to, Word.FINISH, reason=Reason("success", ending.text))
        self._say(to, Word.RETRACT, reason=toReason(ending))

    def _say(self, to: JID, word: Word, media: tuple[str, ...] = (), reason: Reason | None = None) -> None:
        name = self.name if word is Word.PROPOSE else ""
        self.link.say(CallMessage(to, self.us, word, self.sid, media, reason=reason, name=name))

    def _note(self, what: str, whom: JID) -> None:
        owner = self.owner
        _log.info(
            "call={call} leg={leg} {what} {jid!r:.120}", call=owner.call.id, leg=owner.id, what=what, jid=whom.full()
        )
