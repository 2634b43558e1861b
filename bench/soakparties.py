"""
The phones and iChats of a soak: so many that each has to be cheap.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred, succeed

from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.media.media import Media
from ichatgw.sim.sip.dialog import Dialog
from ichatgw.sim.sip.phone import Phone, PhoneCall


@define(eq=False)
class SoakPhone(Phone):
    """
    @ivar speaks: decides for each call whether it sends sound and listens to it.  Where nobody speaks the gateway feeds
        both with silence, which is as much work for it.
    """

    speaks: Callable[[], bool] = field(default=lambda: True, kw_only=True)
    _here: dict[str, PhoneCall] = field(factory=dict, init=False)
    _awaited: dict[str, Deferred[PhoneCall]] = field(factory=dict, init=False)

    def arrival(self, user: str) -> Deferred[PhoneCall]:
        """The call for a number, which comes once."""
        here = self._here.pop(user, None)
        if here is not None:
            return succeed(here)
        awaited: Deferred[PhoneCall] = Deferred(lambda _: self._awaitNoMore(user))
        self._awaited[user] = awaited
        return awaited

    def _awaitNoMore(self, user: str) -> None:
        del self._awaited[user]

    def _newCall(self, inbound: bool) -> PhoneCall:
        speaks = self.speaks()
        self.say = 440 if speaks else None
        call = super()._newCall(inbound)
        if not speaks:
            call.media.detector = None
        call.whenEnded().addCallback(self.forget)
        return call

    def _arrived(self, dialog: Dialog) -> None:
        super()._arrived(dialog)
        call = self.calls[-1]
        user = dialog.invite.uri.removeprefix("sip:").partition("@")[0]
        awaited = self._awaited.pop(user, None)
        if awaited is None:
            self._here[user] = call
        else:
            awaited.callback(call)

    def forget(self, call: PhoneCall) -> None:
        """So much memory is not here."""
        if call in self.calls:
            self.calls.remove(call)
        for user in [user for user, here in self._here.items() if here is call]:
            del self._here[user]


@define(eq=False)
class SoakIChat(IChat):
    """An iChat that does not listen if it does not speak."""

    def _newMedia(self) -> Media:
        media = super()._newMedia()
        if self.say is None:
            media.detector = None
        return media
