"""
The client: it takes the same orders as C{page.js}, and tells the same news.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXMLMask, MatchXPath

from ichatgw.test.interop.aioclient.audio import Tone, listen
from ichatgw.test.interop.aioclient.loss import spoil
from ichatgw.test.interop.aioclient.mapping import (
    NS_DTLS,
    NS_ICE,
    NS_JINGLE,
    NS_RTP,
    Unusable,
    candidates,
    tag,
    takeCandidates,
    toJingle,
    toSDP,
)

NS_MESSAGES = "urn:xmpp:jingle-message:0"
NS_INFO = "urn:xmpp:jingle:apps:rtp:info:1"
NS_DTMF = "urn:xmpp:jingle:dtmf:0"
NS_ERRORS = "urn:xmpp:jingle:errors:1"

PRESSED = 160
"""Milliseconds that a key is pressed."""


class Client:
    """
    One user's client with room for one call.

    @param tell: called with each event and what there is to say about it.
    @param wanted: C{jid}, C{password}, C{resource}, C{host} and C{port} of the server, C{contacts} to subscribe to,
        C{tone} in hertz, whether it C{answers}, C{ignores} proposals, knows C{direct} calls only, C{trickles}; the
        C{addresses} of its candidates, if not all; and which share of its datagrams it C{loses}.
    """

    def __init__(self, tell: Callable[..., None], wanted: dict[str, Any]) -> None:
        self._tell = tell
        self._wanted = wanted
        self._proposal: tuple[str, str] = ("", "")
        self._makes = ""
        self._sid = self._peer = self._content = ""
        self._connection: Any = None
        self._early: list[str] = []
        self._invitation: Element | None = None
        self._tasks: set[Any] = set()
        if wanted.get("addresses"):
            aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: list(wanted["addresses"])
        if wanted.get("loses"):
            spoil(wanted["loses"])
        self._xmpp = ClientXMPP(f"{wanted['jid']}/{wanted['resource']}", wanted["password"])
        self._xmpp.enable_direct_tls = self._xmpp.enable_starttls = False
        self._xmpp.enable_plaintext = True
        self._xmpp.ssl_context.check_hostname = False
        self._xmpp.ssl_context.verify_mode = ssl.CERT_NONE
        mechanisms = self._xmpp["feature_mechanisms"]
        mechanisms.unencrypted_plain = mechanisms.unencrypted_scram = True
        for plugin in ("xep_0030", "xep_0115", "xep_0199"):
            self._xmpp.register_plugin(plugin)
        self._xmpp.auto_authorize = self._xmpp.auto_subscribe = True
        self._xmpp.add_event_handler("session_start", self._online)
        self._xmpp.add_event_handler("failed_auth", lambda _: tell("problem", text="may not log in"))
        self._xmpp.add_event_handler(
            "presence_available", lambda each: tell("available", **{"from": str(each["from"])})
        )
        path = f"{{jabber:client}}iq/{{{NS_JINGLE}}}jingle"
        self._xmpp.register_handler(Callback("jingle", MatchXPath(path), self._onSet))
        self._xmpp.register_handler(
            Callback("messages", MatchXMLMask('<message xmlns="jabber:client"/>'), self._onMessage)
        )
        self._xmpp.add_filter("in", lambda stanza: self._log("in", stanza))
        self._xmpp.add_filter("out", lambda stanza: self._log("out", stanza))

    def start(self) -> None:
        """Log in."""
        self._xmpp.connect(self._wanted["host"], self._wanted["port"])

    # Orders.

    def call(self, to: str) -> None:
        """Propose a call to a user (XEP-0353)."""
        self._makes = str(uuid4())
        self._proposal = self._makes, to
        propose = Element(tag(NS_MESSAGES, "propose"), id=self._makes)
        SubElement(propose, tag(NS_RTP, "description"), media="audio")
        self._say(to, propose)
        self._tell("proposed", id=self._makes, to=to)

    def initiate(self, to: str) -> None:
        """Call a client without asking."""
        self._spawn(self._initiate(to, str(uuid4())))

    def retract(self) -> None:
        """Give up a proposal."""
        self._makes = ""
        self._say(self._proposal[1], self._word("retract", "cancel"))

    def accept(self) -> None:
        """Take the call that is proposed."""
        self._say(self._xmpp.boundjid.bare, self._word("accept"))
        self._say(self._proposal[1], self._word("proceed"))
        self._tell("took", id=self._proposal[0])

    def reject(self, why: str) -> None:
        """Do not take it."""
        self._say(self._xmpp.boundjid.bare, self._word("reject", why))
        self._say(self._proposal[1], self._word("reject", why))

    def take(self) -> None:
        """Accept the session that has come."""
        self._spawn(self._take())

    def hangup(self, why: str = "success") -> None:
        """End the session."""
        self._spawn(self._hangup(why))

    def hold(self) -> None:
        self._spawn(self._inform(Element(tag(NS_INFO, "hold"))))

    def resume(self) -> None:
        self._spawn(self._inform(Element(tag(NS_INFO, "active"))))

    def press(self, keys: str) -> None:
        """By XEP-0181, as aiortc has no telephone events."""
        self._spawn(self._press(keys))

    def leave(self) -> None:
        """Log out."""
        self._spawn(self._leave())

    async def statistics(self) -> dict[str, Any]:
        """What aiortc knows of the call."""
        found: dict[str, Any] = {}
        for each in (await self._connection.getStats()).values():
            if each.type == "inbound-rtp":
                found["in"] = {"packets": each.packetsReceived, "lost": each.packetsLost}
            if each.type == "outbound-rtp":
                found["out"] = {"packets": each.packetsSent}
        return found

    # What happens.

    def _online(self, event: object) -> None:
        self._spawn(self._appear())

    async def _appear(self) -> None:
        features = [NS_JINGLE, NS_RTP, "urn:xmpp:jingle:apps:rtp:audio", NS_ICE, NS_DTLS]
        for feature in features if self._wanted.get("direct") else [*features, NS_MESSAGES]:
            self._xmpp["xep_0030"].add_feature(feature, jid=self._xmpp.boundjid)
        await self._xmpp.get_roster()
        await self._xmpp["xep_0115"].update_caps(broadcast=False)
        self._xmpp.send_presence()
        for contact in self._wanted["contacts"]:
            self._xmpp.send_presence_subscription(contact, ptype="subscribe")
        self._tell("online", jid=str(self._xmpp.boundjid))

    def _onMessage(self, message: Any) -> None:
        sender = str(message["from"])
        if message["type"] == "error":
            self._tell("error", **{"from": sender, "reason": message["error"]["condition"]})
            return
        for element in message.xml:
            if not element.tag.startswith(f"{{{NS_MESSAGES}}}"):
                continue
            word, sid = element.tag.split("}")[1], element.get("id")
            if message["from"].bare == self._xmpp.boundjid.bare:
                if message["from"] != self._xmpp.boundjid:
                    self._tell("other", word=word, id=sid, **{"from": sender})
                continue
            reason = element.find(f"{tag(NS_JINGLE, 'reason')}/*")
            why = "" if reason is None else reason.tag.split("}")[1]
            self._tell(word, id=sid, reason=why, **{"from": sender})
            if word == "propose" and not self._wanted.get("ignores"):
                self._proposal = sid, sender
                self._say(sender, self._word("ringing"))
                if self._wanted.get("answers"):
                    self.accept()
            elif word == "propose":
                self._proposal = sid, sender
            elif word == "proceed" and sid == self._makes:
                self._makes = ""
                self._spawn(self._initiate(sender, sid))

    def _onSet(self, iq: Any) -> None:
        if iq["type"] == "set":
            self._spawn(self._onJingle(iq, iq.xml.find(tag(NS_JINGLE, "jingle"))))

    async def _onJingle(self, iq: Any, jingle: Element) -> None:
        action, sid = jingle.get("action"), jingle.get("sid", "")
        if action == "session-initiate" and not self._sid:
            iq.reply().send()
            await self._invited(str(iq["from"]), jingle)
            return
        if sid != self._sid:
            self._unknown(iq)
            return
        iq.reply().send()
        if action == "session-accept":
            self._tell("accepted")
            await self._describe(jingle, "answer")
        elif action == "transport-info":
            for candidate in candidates(jingle):
                if self._connection is None or self._connection.remoteDescription is None:
                    self._early.append(candidate)
                else:
                    await self._add(candidate)
        elif action == "session-info":
            for element in jingle:
                name = element.tag.split("}")[1]
                self._tell("info", name="active" if name == "unhold" else name)
        elif action == "session-terminate":
            reason = jingle.find(f"{tag(NS_JINGLE, 'reason')}/*")
            await self._over("" if reason is None else reason.tag.split("}")[1])
        else:
            self._tell("action", name=action)

    async def _invited(self, peer: str, jingle: Element) -> None:
        self._peer, self._sid = peer, jingle.get("sid", "")
        self._tell("incoming", id=self._sid, **{"from": peer})
        await self._inform(Element(tag(NS_INFO, "ringing")))
        self._invitation = jingle
        if self._wanted.get("answers") or self._sid == self._proposal[0]:
            await self._take()

    async def _take(self) -> None:
        jingle, self._invitation = self._invitation, None
        if jingle is None:
            return
        self._connect()
        content = jingle.find(tag(NS_JINGLE, "content"))
        self._content = "" if content is None else content.get("name", "")
        try:
            await self._describe(jingle, "offer")
        except Unusable as problem:
            self._tell("problem", text=f"cannot use the offer: {problem}")
            await self._hangup("failed-application")
            return
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        await self._sendDescription("session-accept")
        self._tell("accepting", id=self._sid)

    async def _initiate(self, to: str, sid: str) -> None:
        self._peer, self._sid = to, sid
        self._connect()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        self._tell("initiated", id=sid, to=to)
        await self._sendDescription("session-initiate")

    async def _sendDescription(self, action: str) -> None:
        jingle = toJingle(self._connection.localDescription.sdp, action, self._sid, self._content)
        rest = takeCandidates(jingle) if self._wanted.get("trickles") else []
        if action == "session-accept":
            jingle.set("responder", str(self._xmpp.boundjid))
        else:
            jingle.set("initiator", str(self._xmpp.boundjid))
        for each in (jingle, *rest):
            await self._set(each)

    def _connect(self) -> None:
        self._connection = connection = RTCPeerConnection()
        connection.addTransceiver(Tone(self._wanted["tone"]), "sendrecv")

        def track(track: Any) -> None:
            self._spawn(listen(track, lambda heard: self._tell("hear", samples=base64.b64encode(heard).decode())))

        def changed() -> None:
            self._tell("connection", state=connection.connectionState)
            if connection.connectionState == "connected":
                self._tell("media")

        connection.on("track", track)
        connection.on("connectionstatechange", changed)
        connection.on("iceconnectionstatechange", lambda: self._tell("ice", state=connection.iceConnectionState))

    async def _describe(self, jingle: Element, kind: str) -> None:
        await self._connection.setRemoteDescription(RTCSessionDescription(toSDP(jingle), kind))
        early, self._early = self._early, []
        for candidate in early:
            await self._add(candidate)

    async def _add(self, text: str) -> None:
        candidate = candidate_from_sdp(text)
        candidate.sdpMid, candidate.sdpMLineIndex = self._content or "0", 0
        await self._connection.addIceCandidate(candidate)

    async def _hangup(self, why: str) -> None:
        jingle = Element(tag(NS_JINGLE, "jingle"), action="session-terminate", sid=self._sid)
        SubElement(SubElement(jingle, tag(NS_JINGLE, "reason")), tag(NS_JINGLE, why))
        await self._set(jingle)
        await self._over(why)

    async def _over(self, why: str) -> None:
        connection, self._connection, self._sid = self._connection, None, ""
        self._tell("terminated", reason=why)
        if connection is not None:
            await connection.close()

    async def _press(self, keys: str) -> None:
        for key in keys:
            await self._inform(Element(tag(NS_DTMF, "dtmf"), code=key, duration=str(PRESSED)))
            await asyncio.sleep(PRESSED / 1000 + 0.09)
        self._tell("pressing", keys=keys)

    async def _inform(self, element: Element) -> None:
        jingle = Element(tag(NS_JINGLE, "jingle"), action="session-info", sid=self._sid)
        jingle.append(element)
        await self._set(jingle)

    async def _set(self, jingle: Element) -> None:
        iq = self._xmpp.make_iq_set(ito=self._peer)
        iq.append(jingle)
        try:
            await iq.send(timeout=10)
        except (IqError, IqTimeout) as problem:
            condition = problem.iq["error"]["condition"] if isinstance(problem, IqError) else "no answer"
            self._tell("refused", action=jingle.get("action"), reason=condition)

    def _say(self, to: str, element: Element) -> None:
        message = self._xmpp.make_message(mto=to, mtype="chat")
        message["id"] = uuid4().hex
        message.append(element)
        message.append(Element("{urn:xmpp:hints}store"))
        message.send()

    def _word(self, word: str, why: str = "") -> Element:
        element = Element(tag(NS_MESSAGES, word), id=self._proposal[0])
        if why:
            SubElement(SubElement(element, tag(NS_JINGLE, "reason")), tag(NS_JINGLE, why))
        return element

    def _unknown(self, iq: Any) -> None:
        reply = iq.reply(clear=True)
        reply["type"] = "error"
        reply["error"]["condition"] = "item-not-found"
        reply["error"].append(Element(tag(NS_ERRORS, "unknown-session")))
        reply.send()

    async def _leave(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        await self._xmpp.disconnect()
        self._tell("offline")

    def _log(self, way: str, stanza: Any) -> Any:
        self._tell("stanza", way=way, text=str(stanza), at=time.time())
        return stanza

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: Any) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._tell("problem", text=repr(task.exception()))
