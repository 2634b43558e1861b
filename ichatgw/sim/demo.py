# -*- test-case-name: ichatgw.test.sim.test_ladder -*-
"""
C{python -m ichatgw.sim.demo}: real calls through the real gateway, drawn as ladders.

The far ends and the XMPP server are the simulators of this package; the gateway runs in a process of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from signal import SIGTERM
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, ensureDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater

from ichatgw.sim.child import Gateway, NoTwistd, freePort, mediaPorts
from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.ichat.profile import Action, Taking
from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CONVERSATIONS
from ichatgw.sim.ladder import GATEWAY, ICHAT_TITLE, JINGLE_TITLE, SIP, XMPP, Trace
from ichatgw.sim.media.media import Media
from ichatgw.sim.run import exitWith
from ichatgw.sim.sip.phone import Answering, Phone, PhoneCall
from ichatgw.sim.talk import Call
from ichatgw.sim.xmpp.router import Router

HOST = "127.0.0.1"
USERS = "chat.example"
COMPONENT = "ichat-gw.chat.example"
CONTROL = f"control@{COMPONENT}"
NUMBER = f"100@{COMPONENT}"
USER = "scott"
JINGLE_USER = "juliet"
TONE_OF_PHONE = 440
TONE_OF_ICHAT = 600
TONE_OF_JINGLE = 650
SOON = 2.0
"""
Seconds in which a Jingle client's call has sound after it was accepted.  On a machine with nothing else to do a tenth
of it is enough (C{bench/jingle.py} measures that), but the demo has to work on any.
"""

TALK = 2.0
HEARD_ENOUGH = 1.0
ANSWER_TIMEOUT = 8.0
START_LIMIT = 15.0
STOP_LIMIT = 5.0
CLEAN_EXITS = (0, -SIGTERM)
"""After an orderly stop C{twistd} ends itself by the signal that asked for it."""

WHOLE_LIMIT = 55.0

T = TypeVar("T")


@define(eq=False)
class Demo:
    """
    @ivar write: prints a line.
    @ivar failures: what did not happen as it should.
    """

    reactor: Any
    write: Callable[[str], None]
    failures: list[str] = field(factory=list, init=False)
    trace: Trace = field(init=False)
    router: Router = field(init=False)
    phone: Phone = field(init=False)
    ichat: IChat = field(init=False)
    jingle: JinglePhone = field(init=False)
    gateway: Gateway = field(init=False)
    _checks: list[tuple[bool, str]] = field(factory=list, init=False)
    sipPort: int = field(factory=lambda: freePort(HOST), init=False)

    def __attrs_post_init__(self) -> None:
        secret = secrets.token_hex(16)
        self.trace = Trace(self.reactor, USERS)
        self.router = Router(self.reactor, {COMPONENT: secret}, USERS, self.trace.stanza)
        self.phone = Phone(
            self.reactor, HOST, say=TONE_OF_PHONE, listenFor=TONE_OF_ICHAT, user="bell", observer=self.trace.sip(SIP)
        )
        self.ichat = IChat(
            self.reactor,
            f"{USER}@{USERS}/iChat",
            HOST,
            say=TONE_OF_ICHAT,
            listenFor=TONE_OF_PHONE,
            observer=self.trace.sip(XMPP),
        )
        self.jingle = JinglePhone(
            self.reactor,
            f"{JINGLE_USER}@{USERS}/phone",
            HOST,
            CONVERSATIONS,
            say=TONE_OF_JINGLE,
            listenFor=TONE_OF_PHONE,
        )
        self.phone.start()
        self.ichat.start()
        self.gateway = Gateway(self.reactor, self._settings(self.router.listen(HOST), secret))

    async def run(self) -> None:
        """Everything, in order."""
        if not await self._start():
            return
        await self._scene("1. iChat calls a SIP phone", self._ichatCalls)
        await self._scene("2. A SIP phone calls iChat", self._phoneCalls)
        await self._scene("3. iChat declines", self._ichatDeclines)
        await self._scene("4. The SIP caller gives up", self._phoneGivesUp)
        await self._scene("5. The iChat caller gives up", self._ichatGivesUp)
        self.trace.title, self.phone.listenFor = JINGLE_TITLE, TONE_OF_JINGLE
        await self._scene("6. A Jingle client calls a SIP phone, with ICE and DTLS-SRTP", self._jingleCalls)
        await self._scene("7. A SIP phone calls the Jingle client", self._phoneCallsJingle)
        self.trace.title, self.phone.listenFor = ICHAT_TITLE, TONE_OF_ICHAT
        await self._scene("8. The gateway is told to stop (SIGTERM) during a call", self._stopsDuringCall)

    def cleanUp(self) -> None:
        """Leave nothing running."""
        self.gateway.remove()
        self.phone.stop()
        self.ichat.stop()
        self.jingle.stop()
        self.router.close()

    def check(self, fine: bool, what: str) -> None:
        """Whether something happened as it should; said with the next report."""
        self._checks.append((fine, what))

    def report(self) -> None:
        """Say what was checked since the last one."""
        faults = [self.ichat.complaints, self.jingle.complaints, self.phone.faults]
        faults += [self.phone.agent.malformed, self.ichat.agent.malformed]
        for fault in faults:
            self._checks.extend((False, each) for each in fault)
            fault.clear()
        for fine, what in self._checks:
            self.write(f"  {'ok  ' if fine else 'FAIL'}  {what}")
            if not fine:
                self.failures.append(what)
        self._checks.clear()

    def _settings(self, jabberPort: int, secret: str) -> list[tuple[str, str]]:
        first, last = mediaPorts()
        component = COMPONENT.replace(".", r"\.")
        return [
            ("IPAddress", HOST),
            ("UDPTCPPort", str(self.sipPort)),
            ("MediaRelayPortRangeMin", str(first)),
            ("MediaRelayPortRangeMax", str(last)),
            ("RegistrationTime", "0"),
            ("JabberServer", HOST),
            ("JabberComponentPort", str(jabberPort)),
            ("JabberComponentName", COMPONENT),
            ("JabberComponentPassword", secret),
            ("JabberControlUsername", "control"),
            ("TranslationPattern", rf"^xmpp:(.*)@{component}$"),
            ("TranslationOutput", f"sip:$1@{self.phone.address}"),
            ("TranslationPattern", r"^sip:(.*)@127\.0\.0\.1(:\d+)?$"),
            ("TranslationOutput", f"xmpp:$1@{USERS}"),
            ("LogLevel", "INFO"),
        ]

    async def _start(self) -> bool:
        """The gateway, and the login of iChat."""
        began = self.reactor.seconds()
        self.gateway.start()
        online = self.router.whenConnected(COMPONENT)
        self.gateway.whenGone().addCallback(lambda code: online.cancel())
        if not await self._happens(online, START_LIMIT):
            self.check(False, "the gateway comes online")
            self.report()
            return False
        self.check(True, f"the gateway is online, {self.reactor.seconds() - began:.1f} s after its start")
        account = self.ichat.account
        self.ichat.connected(self.router.attach(self.ichat.jid, self.ichat.received))
        self.check(await self._happens(account.subscribe(CONTROL)), f"iChat may see {CONTROL}")
        self.check(await self._happens(account.subscribe(NUMBER)), f"iChat may see {NUMBER}")
        self.check(await self._happens(account.whenCallable(NUMBER)), "it shows a green telephone")
        account = self.jingle.account
        self.jingle.connected(self.router.attach(self.jingle.jid, self.jingle.received))
        self.check(await self._happens(account.subscribe(CONTROL)), f"the Jingle client may see {CONTROL}")
        self.check(await self._happens(account.subscribe(NUMBER)), f"the Jingle client may see {NUMBER}")
        self.check(await self._happens(account.whenCallable(NUMBER)), "it shows a phone there")
        self.report()
        return True

    async def _stopsDuringCall(self) -> None:
        """SIGTERM while a call is up: both ends are told, and so are those who see the gateway."""
        outgoing = self.phone.call(self._address)
        incoming = await self._soon(self.ichat.whenCalled())
        await self._soon(outgoing.whenAnswered())
        await self._pause(0.5)
        began = self.reactor.seconds()
        self.gateway.terminate()
        await self._soon(outgoing.whenEnded())
        await self._soon(incoming.whenEnded())
        self.check(outgoing.why == incoming.outcome == "they hung up", "the call is ended on both sides")
        code = await self._soon(self.gateway.whenGone(), STOP_LIMIT)
        how = "by SIGTERM, as twistd does" if code == -SIGTERM else f"with code {code}"
        self.check(code in CLEAN_EXITS, f"it ends {how}, after {self.reactor.seconds() - began:.1f} s")
        self.check(CONTROL not in self.ichat.account.presences, f"iChat sees {CONTROL} go offline")

    async def _scene(self, title: str, play: Callable[[], Awaitable[None]]) -> None:
        """One call: its ladder, and what is to be said about it."""
        self.phone.answering, self.ichat.taking = Answering(), Taking()
        self.trace.events.clear()
        self.write(f"\n{title}\n")
        try:
            await play()
        except TimeoutError:
            self.check(False, "every step comes in time")
            self._dropCalls()
        except ConnectionDone as error:
            self.check(False, f"the call goes on ({error!s:.80})")
            self._dropCalls()
        await self._pause(0.3)
        self.write(self.trace.draw() + "\n")
        self.report()

    async def _ichatCalls(self) -> None:
        called = self.phone.whenCalled()
        outgoing = self.ichat.call(NUMBER)
        await self._soon(outgoing.whenAnswered())
        incoming = await self._soon(called)
        await self._talk(outgoing, incoming)
        outgoing.hangup()
        await self._soon(incoming.whenEnded())
        self.check(not incoming.status and incoming.why == "they hung up", "iChat hangs up, and the phone is told")

    async def _phoneCalls(self) -> None:
        called = self.ichat.whenCalled()
        outgoing = self.phone.call(self._address)
        ringing = await self._soon(outgoing.whenRinging())
        self.check(ringing == 180, f"the phone hears {ringing} while iChat rings")
        incoming = await self._soon(called)
        await self._soon(outgoing.whenAnswered())
        await self._talk(incoming, outgoing)
        outgoing.hangup()
        await self._soon(incoming.whenEnded())
        self.check(incoming.outcome == "they hung up", "the phone hangs up, and iChat is told")

    async def _ichatDeclines(self) -> None:
        self.ichat.taking = Taking(Action.DECLINE)
        call = self.phone.call(self._address)
        await self._soon(call.whenEnded())
        self.check(call.status == 603, f"the SIP caller gets {call.status}")

    async def _phoneGivesUp(self) -> None:
        self.ichat.taking = Taking(Action.IGNORE)
        called = self.ichat.whenCalled()
        outgoing = self.phone.call(self._address)
        incoming = await self._soon(called)
        await self._soon(outgoing.whenRinging())
        await self._pause(0.5)
        outgoing.hangup()
        await self._soon(outgoing.whenEnded())
        await self._soon(incoming.whenEnded())
        self.check(outgoing.status == 487, f"the SIP caller gets {outgoing.status}")
        self.check(incoming.outcome == "they cancelled", "iChat gets vc:cancel")

    async def _ichatGivesUp(self) -> None:
        self.phone.answering = Answering(delay=None)
        called = self.phone.whenCalled()
        outgoing = self.ichat.call(NUMBER)
        incoming = await self._soon(called)
        await self._pause(0.5)
        outgoing.hangup()
        await self._soon(incoming.whenEnded())
        self.check(incoming.status == 487, "the phone gets CANCEL")

    async def _jingleCalls(self) -> None:
        called = self.phone.whenCalled()
        outgoing = self.jingle.call(NUMBER)
        incoming = await self._soon(called)
        await self._soon(outgoing.whenRinging())
        await self._soon(outgoing.whenConnected())
        await self._talk(outgoing, incoming, "the client")
        outgoing.press("72#")
        await self._pause(0.8)
        self.check(incoming.media.keys == "72#", f"the phone hears the keys {incoming.media.keys}")
        self._checkDelay(outgoing)
        outgoing.hangup()
        await self._soon(incoming.whenEnded())
        self.check(not incoming.status and incoming.why == "they hung up", "the client hangs up, and the phone is told")

    async def _phoneCallsJingle(self) -> None:
        called = self.jingle.whenCalled()
        outgoing = self.phone.call(self._address.replace(USER, JINGLE_USER))
        incoming = await self._soon(called)
        ringing = await self._soon(outgoing.whenRinging())
        self.check(ringing == 180, f"the phone hears {ringing} while the client rings")
        await self._soon(incoming.whenConnected())
        await self._talk(incoming, outgoing, "the client")
        self._checkDelay(incoming)
        outgoing.hangup()
        await self._soon(incoming.whenEnded())
        told = f"{incoming.outcome}, {incoming.condition}"
        self.check(told == "they hung up, success", "the phone hangs up, and the client is told")

    def _checkDelay(self, call: JingleCall) -> None:
        """How long did it take from the answer to the first sound?"""
        delay = (call.media.began or call.answeredAt + 60) - call.answeredAt
        self.check(delay <= SOON, f"the client hears the first sound {1000 * delay:.0f} ms after the answer")

    async def _talk(self, xmpp: IChatCall | JingleCall, phone: PhoneCall, who: str = "iChat") -> None:
        """A while of tones, both ways."""
        await self._pause(TALK)
        self._heard(xmpp.media, who, phone.media, (GATEWAY, XMPP))
        self._heard(phone.media, "the phone", xmpp.media, (GATEWAY, SIP))

    def _heard(self, media: Media, who: str, talker: Media, columns: tuple[int, int]) -> None:
        """Did the tone of one side arrive at the other, and is the stream sound?"""
        detector = media.detector
        seconds = detector.seconds if detector is not None else 0.0
        self.check(seconds >= HEARD_ENOUGH, f"{who} {detector}")
        self.trace.note(*columns, f"RTP, {media.received} packets", "~")
        if media.faults or len(media.senders) != 1 or talker.ssrc in media.senders:
            self.check(False, f"the stream to {who} is sound ({media.faults[:3]}, {len(media.senders)} senders)")

    @property
    def _address(self) -> str:
        """What the phone dials."""
        return f"sip:{USER}@{HOST}:{self.sipPort}"

    def _dropCalls(self) -> None:
        """After a failure: what is still up goes down, so that the next scene has a clear stage."""
        calls: list[Call] = [*self.phone.calls, *self.ichat.calls, *self.jingle.calls]
        for each in calls:
            if not each.over:
                each.hangup()

    async def _soon(self, what: Deferred[T], limit: float = ANSWER_TIMEOUT) -> T:
        return await what.addTimeout(limit, self.reactor)

    async def _happens(self, what: Deferred[T], limit: float = ANSWER_TIMEOUT) -> bool:
        """Does it come true in time?"""
        try:
            return bool(await what.addTimeout(limit, self.reactor))
        except (TimeoutError, CancelledError, ConnectionDone):
            return False

    async def _pause(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)


async def demonstrate(reactor: Any, write: Callable[[str], None]) -> bool:
    """
    Run the demo.

    @return: whether all of it happened.
    """
    demo = Demo(reactor, write)
    reactor.addSystemEventTrigger("before", "shutdown", demo.gateway.remove)
    began = reactor.seconds()
    try:
        await ensureDeferred(demo.run()).addTimeout(WHOLE_LIMIT, reactor)
    except NoTwistd as error:
        demo.failures.append(str(error))
    except TimeoutError:
        demo.failures.append(f"it took longer than {WHOLE_LIMIT:.0f} s")
    finally:
        if demo.failures:
            write(f"\nThe gateway's last words:\n{demo.gateway.lastWords()}")
        demo.cleanUp()
    write("")
    for failure in demo.failures:
        write(f"FAILED: {failure}")
    if not demo.failures:
        write(f"All of it happened, in {reactor.seconds() - began:.0f} s.")
    return not demo.failures


def main() -> None:
    """C{python -m ichatgw.sim.demo}"""
    exitWith(lambda reactor: demonstrate(reactor, partial(print, flush=True)))


if __name__ == "__main__":
    main()
