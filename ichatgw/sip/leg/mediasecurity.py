# -*- test-case-name: ichatgw.test.sdp.test_checks,ichatgw.test.media.relay.test_direct,ichatgw.test.sip.leg -*-
"""
How media with SIP parties is protected: what is wanted, what is offered, and what is agreed on (RFC 4568, RFC 5763, RFC
8643).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from secrets import token_bytes

from attrs import define, evolve, field

from ichatgw import sdp
from ichatgw.errors import CallError, NoCommonCodec, OutOfReach
from ichatgw.media.dtls.dtls import isKnownHash
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import SUITES
from ichatgw.model import (
    Checks,
    Codec,
    CryptoKey,
    EndReason,
    Fingerprint,
    Protection,
    Setup,
    TransportDescription,
)


class Unprotected(CallError):
    """The party does not protect its media, or not in a way that we know, and that is demanded."""

    reason = EndReason.INCOMPATIBLE
    cause = 57


class Encryption(Enum):
    """Whether media is encrypted; the value is the setting."""

    NEVER = "never"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Keys(Enum):
    """How keys are agreed on in what we offer; the value is the setting."""

    SDES = "sdes"
    DTLS = "dtls"


@define(eq=False)
class MediaPolicy:
    """
    What the administrator wants.  It may change, for the calls to come; each call has a copy.

    @ivar inClear: may keys travel in signalling without TLS?
    @ivar fingerprint: that of our certificate for DTLS; C{None} if there is no DTLS.
    @ivar offersChecks: is ICE offered in calls that we make?
    @ivar reaches: can media be sent to a host, an IP literal?
    """

    encryption: Encryption = Encryption.NEVER
    keys: Keys = Keys.SDES
    inClear: bool = False
    fingerprint: Fingerprint | None = None
    random: Callable[[int], bytes] = token_bytes
    reaches: Callable[[str], bool] = lambda host: True
    offersChecks: bool = False


PLAIN_ONLY = MediaPolicy()
"""For iChats, and for all far ends for which no policy was looked up."""


@define(eq=False)
class MediaSecurity:
    """
    The protection of one dialog's media.

    @ivar isPrivate: only the far end of the connection can read what we signal: it is TLS.
    @ivar current: what was agreed on last; C{None} for plain media.
    @ivar isUnasked: the last answer had keys, and none were offered: the party waits for encrypted media.
    @ivar checks: answer those of the party, if it does ICE, or may do it: then its C{peer} is empty.
    @ivar insists: what we offer leaves no room for plain media, even if that would do.
    """

    policy: MediaPolicy = PLAIN_ONLY
    isPrivate: bool = False
    current: Protection | None = field(default=None, init=False)
    insists: bool = field(default=False, init=False)
    checks: Checks | None = field(default=None, init=False)
    isUnasked: bool = field(default=False, init=False)
    _profile: str = field(default="", init=False)
    _keys: dict[str, CryptoKey] = field(factory=dict, init=False, repr=False)
    _offered: sdes.OfferedKeys | None = field(default=None, init=False)
    _offeredDTLS: bool = field(default=False, init=False)
    _offeredChecks: Checks | None = field(default=None, init=False)

    def checksFor(self, transport: TransportDescription) -> Checks | None:
        """
        What answers the checks of a party that does ICE, as it describes itself; if it starts anew, so do we.

        @return: C{None} if it does none.
        """
        before = self.checks
        if not transport.ufrag:
            self.checks = None
        elif before is None or before.peer != transport.ufrag:
            self.checks = self._newChecks(transport.ufrag)
        return self.checks

    def _newChecks(self, peer: str) -> Checks:
        random = self.policy.random
        return Checks(random(4).hex(), random(12).hex(), peer)

    def checksAgreed(self, transport: TransportDescription) -> None:
        """The same for an answer to our offer, which has said by what we are known; each fork has an answer."""
        offered = self._offeredChecks
        self.checks = evolve(offered, peer=transport.ufrag) if offered is not None and transport.ufrag else None

    def beginChecks(self) -> None:
        """Our first offer to a party: it has ICE, if that is wanted."""
        if self.policy.offersChecks:
            self.checks = self._newChecks("")

    def withChecks(self, transport: TransportDescription) -> TransportDescription:
        """What we say of ourselves, with ICE if the party does it."""
        checks = self.checks
        return transport if checks is None else evolve(transport, ufrag=checks.ufrag, password=checks.password)

    def forget(self) -> None:
        """Another target is called now, which gets other keys."""
        self.checks = None
        self.current = self._offered = self._offeredChecks = None
        self._profile, self._offeredDTLS, self.insists = "", False, False
        self._keys.clear()

    @property
    def mayInsist(self) -> bool:
        """Have we offered keys, and plain media as well?"""
        offered = self._offered is not None or self._offeredDTLS
        return offered and self.policy.encryption is Encryption.OPTIONAL and not self.insists

    # Offers of ours

    def offer(self) -> tuple[str, TransportDescription]:
        """The profile of RTP that we offer, and what goes with it; keys in use are offered again."""
        self._offered, self._offeredDTLS, self._offeredChecks = None, False, self.checks
        manner = self._manner()
        required = self.insists or self.policy.encryption is Encryption.REQUIRED
        if manner is Keys.SDES:
            return self._profile or ("RTP/SAVP" if required else "RTP/AVP"), self._keyOffer()
        if manner is Keys.DTLS:
            self._offeredDTLS = True
            setup = Setup.ACTPASS
            if self.current is not None:  # to stay what we are keeps the association (RFC 8842 section 5.5)
                setup = Setup.ACTIVE if self.current.active else Setup.PASSIVE
            transport = TransportDescription(fingerprint=self.policy.fingerprint, setup=setup)
            return self._profile or ("UDP/TLS/RTP/SAVP" if required else "RTP/AVP"), transport
        return self._profile or "RTP/AVP", sdp.PLAIN

    @property
    def wantsKeys(self) -> bool:
        """Would our next offer have keys?"""
        return self._manner() is not None

    @property
    def signalsKeys(self) -> bool:
        """Would it have keys that can be read?"""
        return self._manner() is Keys.SDES

    def protects(self, stream: sdp.Stream) -> bool:
        """Would our answer to it have keys?"""
        return self._means(stream) is not None

    def _manner(self) -> Keys | None:
        policy = self.policy
        if policy.encryption is Encryption.NEVER:
            return None
        if self.current is not None:
            return Keys.SDES if self.current.ours is not None else Keys.DTLS
        if policy.keys is Keys.SDES:
            if self.isPrivate or policy.inClear:
                return Keys.SDES
            if policy.encryption is Encryption.OPTIONAL:
                return None  # keys that everybody reads protect nothing
        return Keys.DTLS if policy.fingerprint is not None else None

    def _keyOffer(self) -> TransportDescription:
        ours = self.current.ours if self.current is not None else None
        suites = [suite.value for suite in SUITES]
        if ours is not None:
            self._keys[ours.suite] = ours
            suites.remove(ours.suite)
            suites.insert(0, ours.suite)
        for suite in SUITES:
            if suite.value not in self._keys:
                self._keys[suite.value] = sdes.newKey(suite, "1", self.policy.random)[0]
        keys = tuple(evolve(self._keys[suite], tag=f"{tag}") for tag, suite in enumerate(suites, 1))
        self._offered = sdes.OfferedKeys(keys)
        return TransportDescription(keys=keys, muxed=False)

    def accept(self, stream: sdp.Stream) -> Protection | None:
        """
        What the answer to our offer makes of it.

        @raise OutOfReach: if its media is where we cannot send it.
        @raise Unprotected: if it protects nothing, and has to.
        @raise NoCommonCodec: if it answers with what was not offered.
        """
        if not self._isInReach(stream):
            raise OutOfReach(f"media at {stream.description.address}, which cannot be reached from here")
        transport = stream.transport
        protection: Protection | None = None
        if self._offered is not None and transport.keys:
            taken = self._offered.taken(transport.keys)
            if taken is None:
                raise Unprotected("the key in the answer belongs to none that was offered")
            protection = Protection(*taken)
        elif self._offeredDTLS and transport.fingerprint is not None:
            if not isKnownHash(transport.fingerprint.algorithm) or transport.setup is Setup.HOLDCONN:
                raise Unprotected("DTLS in the answer of a kind that we do not know")
            protection = Protection(fingerprint=transport.fingerprint, active=transport.setup is Setup.PASSIVE)
        elif self.policy.encryption is Encryption.REQUIRED:
            raise Unprotected("media must be encrypted, and the answer has no keys")
        elif not stream.mayBePlain:
            raise NoCommonCodec(f"{stream.protocol} without keys that we could use in the answer")
        self.isUnasked = protection is None and (transport.fingerprint is not None or bool(transport.keys))
        return protection

    # Offers of the party

    def choose(self, offer: sdp.ParsedSDP, codecs: tuple[Codec, ...] = ()) -> sdp.ParsedSDP:
        """
        The offer, with the stream that we take part in: one that can be protected, if that is not ruled out; and rather
        one with a common format.

        @param codecs: our formats; none if they are not known.
        @raise OutOfReach: if the media of none is where we can send it.
        @raise Unprotected: if none is protected in a way that we know, and that is demanded.
        @raise NoCommonCodec: if none can be used.
        """
        offer = offer.within(self.policy.reaches)
        inReach = [stream for stream in offer.streams if self._isInReach(stream)]
        if not inReach:
            raise OutOfReach(f"media at {offer.description.address}, which cannot be reached from here")
        required = self.policy.encryption is Encryption.REQUIRED
        usable = [stream for stream in inReach if self._means(stream) is not None]
        if not required:
            usable += [stream for stream in inReach if stream.mayBePlain and stream not in usable]
        if not usable:
            if required:
                raise Unprotected("media must be encrypted, and no keys that can be used are offered")
            raise NoCommonCodec(f"{offer.streams[0].protocol} without keys that can be used")
        return offer.taking(usable[0] if len(usable) == 1 else _fitting(usable, codecs))

    def _isInReach(self, stream: sdp.Stream) -> bool:
        address = stream.description.address
        return address is None or self.policy.reaches(address.host)

    def _means(self, stream: sdp.Stream) -> Keys | None:
        """How the keys for it can be agreed on."""
        if self.policy.encryption is Encryption.NEVER:
            return None
        means = []
        if self._canDTLS(stream.transport):
            means.append(Keys.DTLS)
        if self._canSDES(stream):
            # RTP/SAVP is the profile of such keys; where anything goes, RFC 8643 section 3.1 prefers DTLS.
            means.insert(0 if not stream.mayBePlain else len(means), Keys.SDES)
        return means[0] if means else None

    def _canDTLS(self, transport: TransportDescription) -> bool:
        if self.policy.fingerprint is None or transport.fingerprint is None:
            return False
        return transport.setup is not Setup.HOLDCONN and isKnownHash(transport.fingerprint.algorithm)

    def _canSDES(self, stream: sdp.Stream) -> bool:
        if stream.isDTLS:
            return False
        if self.policy.encryption is Encryption.REQUIRED and not (self.isPrivate or self.policy.inClear):
            return False  # keys that everybody reads protect nothing
        return sdes.choose(stream.transport.keys) is not None

    def answer(self, stream: sdp.Stream, isNear: bool) -> tuple[TransportDescription, Protection | None]:
        """
        What goes with our answer, and what it agrees on.

        @param isNear: media goes where the messages of the party come from: nothing between us hides it.
        """
        transport = stream.transport
        means = self._means(stream)
        current = self.current
        if means is Keys.SDES:
            keys = sdes.answerTo(transport.keys, self.policy.random, current.keys if current is not None else None)
            if keys is not None:
                return TransportDescription(keys=keys[:1], muxed=transport.muxed), Protection(*keys)
        if means is Keys.DTLS:
            active = self._isActive(transport, isNear)
            ours = TransportDescription(
                fingerprint=self.policy.fingerprint,
                setup=Setup.ACTIVE if active else Setup.PASSIVE,
                muxed=transport.muxed,
            )
            return ours, Protection(fingerprint=transport.fingerprint, active=active)
        return evolve(sdp.PLAIN, muxed=transport.muxed), None

    def _isActive(self, transport: TransportDescription, isNear: bool) -> bool:
        """
        Do we begin DTLS?  If the party leaves it to us: yes, as RFC 5763 section 5 would have it, but not with a party
        that may be behind a NAT.
        """
        if transport.setup is Setup.ACTPASS:
            if self.current is not None and self.current.fingerprint == transport.fingerprint:
                return self.current.active
            return isNear
        return transport.setup is Setup.PASSIVE

    # Both

    def agreed(self, protection: Protection | None, profile: str = "") -> None:
        """
        That is what holds now.

        @param profile: as the party has offered it; it is ours from now on.
        """
        self.current = protection
        if profile:
            self._profile = profile


def _fitting(streams: list[sdp.Stream], codecs: tuple[Codec, ...]) -> sdp.Stream:
    """The first stream with a common format, or else the first."""
    for stream in streams:
        if any(stream.description.hears(codec) is not None for codec in codecs):
            return stream
    return streams[0]
