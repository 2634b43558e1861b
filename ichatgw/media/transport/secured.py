# -*- test-case-name: ichatgw.test.media.transport.test_secured,ichatgw.test.media.transport.test_dtlssrtp -*-
"""
SRTP with a party at a plain address: no ICE, but keys from the signalling (RFC 4568) or from DTLS (RFC 5763).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.dtls.handshakes import Handshakes, Signalled
from ichatgw.media.relay.latch import SendTo, isAt
from ichatgw.media.relay.side import Side
from ichatgw.media.rtp.rtp import BY_FIRST, IS_CONTROL, Kind
from ichatgw.media.sockets.port import MAX_DATAGRAM, Source
from ichatgw.media.srtp.sdes import masterKey
from ichatgw.media.srtp.srtp import MasterKey
from ichatgw.media.transport.srtpcontext import SRTPFilter
from ichatgw.model import Ending, EndReason, Protection, TransportAddress
from ichatgw.observe.events import DtlsState
from ichatgw.runtime.nulls import unheard

_RTP = Kind.RTP  # an attribute of an Enum takes its time


class Secured:
    """
    A L{ichatgw.media.relay.filter.MediaFilter}: nothing passes before there are keys, but DTLS.

    Where the party is, its side knows, by signalling or because a packet that could be opened came from there.  If RTCP
    has a port of its own, DTLS is done there too, and its keys are others (RFC 5764 section 4.1); keys from the
    signalling are for both.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, identity: Identity, side: Side) -> None:
        self._clock = clock
        self._identity = identity
        self._side = side
        self._buffer = side.arriving.scratch.buffer
        self._media = SRTPFilter(side)
        self._control = self._media
        self._mediaDTLS: Handshakes | None = None
        self._controlDTLS: Handshakes | None = None
        self._agreed: tuple[Protection, TransportAddress | None, bool] | None = None
        self._failed: Callable[[Ending], None] = unheard
        self._send: tuple[SendTo, SendTo] | None = None

    def agree(self, protection: Protection, failed: Callable[[Ending], None]) -> None:
        """See L{ichatgw.interfaces.IMediaSide.protect}."""
        self._failed = failed
        before = self._agreed
        address = self._side.signalled
        agreed = self._agreed = (protection, address, self._side.muxed)
        if protection.ours is not None and protection.theirs is not None:
            self._closeDTLS()
            self._control = self._media
            self._turn(self._media, masterKey(protection.ours), masterKey(protection.theirs), "in the signalling")
        elif protection.fingerprint is not None and agreed != before:
            self._closeDTLS()
            self._beginDTLS(protection)
        early, self._side.early = self._side.early, []
        for datagram, source in early:
            if self._mediaDTLS is not None:
                self._mediaDTLS.received(datagram, source)
        self._side.aim()

    def close(self) -> None:
        """Idempotent."""
        self._closeDTLS()
        self._media.shield = self._control.shield = None

    def _turn(self, lock: SRTPFilter, ours: MasterKey, theirs: MasterKey, how: str) -> None:
        before = None if lock.shield is None else lock.shield.sending
        lock.turn(ours, theirs)
        if before != ours:
            self._log.info(
                "call={call} media of the {side} is protected by {suite}, with keys that were agreed on {how}",
                call=self._side.call,
                side=self._side.name,
                suite=ours.suite.value,
                how=how,
            )
            text = f"{ours.suite.value}, with keys that were agreed on {how}"
            self._side.tell(DtlsState, "secured", text)

    # DTLS.

    def _beginDTLS(self, protection: Protection) -> None:
        if protection.active and self._side.signalled is None:
            return  # we shall be told where the party is, and then begin
        self._mediaDTLS = self._handshakes(protection, self._mediaKeys, self._noMediaKeys, atControl=False)
        if self._side.muxed:
            self._control = self._media
        else:
            if self._control is self._media:
                self._control = SRTPFilter(self._side)
            self._controlDTLS = self._handshakes(protection, self._controlKeys, self._noControlKeys, atControl=True)
        _, media = self._side.mediaWay
        if media is not None:
            self._mediaDTLS.begin(media)
        _, control = self._side.control.way
        if control is not None and self._controlDTLS is not None:
            self._controlDTLS.begin(control)

    def _handshakes(
        self,
        protection: Protection,
        agreed: Callable[[MasterKey, MasterKey, Source], None],
        failed: Callable[[str], None],
        atControl: bool,
    ) -> Handshakes:
        assert protection.fingerprint is not None
        return Handshakes(
            self._clock,
            self._identity,
            Signalled(
                protection.fingerprint,
                lambda source: not atControl and isAt(source, self._side.signalled),
                self._side.isShown,
            ),
            protection.active,
            partial(self._transmit, atControl),
            agreed,
            failed,
        )

    def _transmit(self, atControl: bool, datagram: bytes, destination: Source) -> None:
        self._side.transmit(datagram, destination, atControl)

    def _mediaKeys(self, ours: MasterKey, theirs: MasterKey, source: Source) -> None:
        self._media.shield = None  # another association begins anew
        self._turn(self._media, ours, theirs, "by DTLS")
        self._side.found(source)

    def _controlKeys(self, ours: MasterKey, theirs: MasterKey, source: Source) -> None:
        self._control.shield = None
        self._control.turn(ours, theirs)

    def _noMediaKeys(self, why: str) -> None:
        if self._media.shield is not None:
            self._log.warn(
                "call={call} media of the {side} goes on with the old keys, for DTLS came to nothing: {why}",
                call=self._side.call,
                side=self._side.name,
                why=why,
            )
            return
        self._side.tell(DtlsState, "failed", why)
        self._failed(Ending(EndReason.SECURITY, why))

    def _noControlKeys(self, why: str) -> None:
        self._log.debug(
            "call={call} no RTCP with the {side}: {why}", call=self._side.call, side=self._side.name, why=why
        )

    def _closeDTLS(self) -> None:
        for handshakes in (self._mediaDTLS, self._controlDTLS):
            if handshakes is not None:
                handshakes.close()
        self._mediaDTLS = self._controlDTLS = None

    # The MediaFilter.

    @property
    def way(self) -> tuple[SendTo | None, Source | None]:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        send, destination = self._side.mediaWay
        if send is None or self._media.shield is None:
            return None, None
        if self._send is None or self._send[0] != send:
            self._send = (send, self._media.protecting(send))
        return self._send[1], destination

    def arrived(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}; this runs for each packet."""
        buffer = self._buffer
        if not 2 <= size <= MAX_DATAGRAM:
            self._drop("too long" if size > 2 else "too short")
        elif BY_FIRST[buffer[0]] is not _RTP:
            self._other(size, source, self._mediaDTLS, atControl=False)
        elif IS_CONTROL[buffer[1]]:
            opened = self._media.openControl(size)
            if opened is not None:
                self._side.control.taken(opened, source, atControl=False)
        else:
            length = self._media.openMedia(size)
            if length:
                self._side.mediaOpened(length, source)

    def arrivedAtControl(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        buffer = self._buffer
        if not 2 <= size <= MAX_DATAGRAM:
            self._drop("too long" if size > 2 else "too short")
        elif BY_FIRST[buffer[0]] is not _RTP:
            self._other(size, source, self._controlDTLS, atControl=True)
        else:
            opened = self._control.openControl(size)
            if opened is not None:
                self._side.control.taken(opened, source, atControl=True)

    def _other(self, size: int, source: Source, handshakes: Handshakes | None, atControl: bool) -> None:
        kind = BY_FIRST[self._buffer[0]]
        if kind is Kind.STUN:
            self._side.checked(bytes(self._side.arriving.scratch.views[size]), source, atControl)
        elif handshakes is not None and kind is Kind.DTLS:
            handshakes.received(bytes(self._side.arriving.scratch.views[size]), source)
        else:
            self._drop("junk")

    def sendControl(self, datagram: bytes) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        send, destination = self._side.control.way
        lock = self._media if self._side.muxed else self._control
        protected = None if send is None else lock.protectControl(datagram)
        if protected is not None and send is not None:
            try:
                send(protected, destination)
            except OSError:
                self._side.far.arriving.dropped["unsendable"] += 1

    def _drop(self, reason: str) -> None:
        self._side.arriving.dropped[reason] += 1
