# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
An iChat that calls: vc:request, their vc:response, and then an INVITE of its own.
"""

from __future__ import annotations

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.blob import Record, decodeRecords
from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.profile import REQUEST, Calling, description
from ichatgw.sim.media.sockets import listen
from ichatgw.sim.sip.agent import Agent
from ichatgw.sim.sip.dialog import Dialog
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.sip.sdp import Description
from ichatgw.sim.xmpp import xml


@define(eq=False)
class OutgoingCall(IChatCall):
    """
    @ivar calling: how to do it.
    @ivar requests: the ids of the requests sent.
    """

    calling: Calling = field(kw_only=True)
    requests: list[str] = field(factory=list, init=False)
    _offer: str = field(default="", init=False)

    def begin(self) -> None:
        """Send the request."""
        for _ in range(1 + self.calling.repeats):
            self.requestAgain()
        if self.calling.cancelAfter is not None:
            self.later(self.calling.cancelAfter, self.giveUp)

    def requestAgain(self) -> None:
        """Send the request (once more)."""
        address = self.ichat.address
        iq = self.sendQuery(
            REQUEST,
            {
                "VCNewCallerIPPortData": self.records(),
                "isAudioOnly": "1",
                "extSIPPort": str(address.port),
                "extIPAddr": address.host,
                "VCProtocolVersion": "1",
            },
        )
        self.requests.append(xml.get(iq, "id"))

    def giveUp(self) -> None:
        """Abandon the call: by vc:cancel, or CANCEL once the INVITE is out."""
        if self.dialog is not None:
            self.dialog.cancel()
        elif not self.over:
            self.sendCancel()
            self.finish("cancelled")

    def responded(self, query: Element) -> None:
        """Their vc:response."""
        if self.over or self.dialog is not None or self._accepted.happened:
            self.ichat.complain(f"a late vc:response from {self.peer}")
            return
        names = [each.name for each in xml.children(query)]
        if names != ["response", "connectData", "VCProtocolVersion"]:
            self.ichat.complain(f"children of the vc:response: {names}")
        data = xml.text(xml.child(query, "connectData"))
        if xml.text(xml.child(query, "response")) != "0" or not data.strip():
            if data:
                self.ichat.complain("a declining vc:response with addresses")
            self.finish("declined")
            return
        try:
            records = decodeRecords(data)
        except MalformedError as error:
            self.ichat.complain(f"connectData: {error}")
            self.finish("connectData unreadable")
            return
        self._goOn(records)

    def errored(self) -> None:
        """An error came back for the request."""
        self.ichat.complain(f"an error for the vc:request to {self.peer}")
        self.finish("error")

    def invite(self, target: TransportAddress) -> None:
        """Send our INVITE."""
        callee, caller = xml.bare(self.peer), xml.bare(self.ichat.jid)
        if self.ichat.quirks.otherCase:
            callee, caller = callee.upper(), caller.upper()
        formats = self.ichat.profile.formats
        if not self.ichat.quirks.pcmu:
            formats = tuple(each for each in formats if "PCMU" not in each) or ("3 GSM/8000",)
        me = self.ichat.address
        self._offer = description(me, xml.bare(self.ichat.jid), formats, video=self.ichat.quirks.video)
        uri = f"sip:user@{target}"
        self.dialog = self._agent().dial(
            target,
            uri,
            to=f'"{callee}" <{uri}>',
            caller=f'"{caller}" <sip:user@{me}>',
            body=self._offer,
            listener=self,
        )

    def answered(self, dialog: Dialog, body: str) -> None:
        self._check(dialog, body)
        IChatCall.answered(self, dialog, body)

    def provisional(self, dialog: Dialog, response: SIPMessage) -> None:
        if response.status > 100:
            self.ichat.complain(f"a provisional {response.status} where only 200 is expected")

    def _goOn(self, records: list[Record]) -> None:
        for record in records:
            if not record.name.startswith("eth"):
                self.ichat.complain(f"an interface named {record.name}")
        wanted = [each.address for each in records if each.address.isIPv6 == self.ichat.address.isIPv6]
        self._accepted.come(self)
        if self.calling.cancelOnAccept:
            self.sendCancel()
            self.finish("cancelled")
        elif not wanted:
            self.ichat.complain("no address of our family in connectData")
            self.finish("no address")
        elif self.calling.invite:
            self.later(self.calling.inviteDelay, self.invite, wanted[0])

    def _agent(self) -> Agent:
        """The iChat's own, or one on an address that nobody knows of."""
        if not self.calling.foreignHost:
            return self.ichat.agent
        agent: Agent
        socket = listen(
            self.ichat.reactor, self.calling.foreignHost, 0, lambda data, source: agent.received(data, source)
        )
        contact = f"<sip:user@{socket.address}>"
        agent = Agent(
            self.ichat.reactor,
            socket.address,
            socket.send,
            self.ichat.profile.userAgent,
            contact,
            lambda dialog: dialog.refuse(603),
            self.ichat.observer,
            rport=False,
        )
        self.ichat.keep(agent, socket)
        return agent

    def _check(self, dialog: Dialog, body: str) -> None:
        """Is their answer one that an iChat can read?"""
        complain = self.ichat.complain
        try:
            theirs, ours = Description.parse(body), Description.parse(self._offer)
            audio = theirs.audio
        except MalformedError as error:
            complain(f"answer: {error}")
            return
        if theirs.originUser != "iChat-gw":
            complain(f"answer: the origin is {theirs.originUser}")
        if audio.formats != ("0",) or theirs.direction != "sendrecv":
            complain(f"answer: formats {audio.formats}, direction {theirs.direction}")
        if [each.kind for each in theirs.media] != [each.kind for each in ours.media]:
            complain(f"answer: media {[each.kind for each in theirs.media]}")
        if any(each.port for each in theirs.media if each.kind != "audio"):
            complain("answer: accepts more than audio")
        if theirs.host != dialog.source.host:
            complain(f"answer: media at {theirs.host}, SIP at {dialog.source.host}")
