# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
An iChat that is called: their vc:request, its vc:response, and then an INVITE from them.
"""

from __future__ import annotations

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.sim.ichat.blob import Record, decodeRecords
from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.profile import COUNTER_PROPOSAL, RESPONSE, Action, Taking
from ichatgw.sim.sip.dialog import Dialog
from ichatgw.sim.sip.sdp import Description
from ichatgw.sim.xmpp import xml

MAX_USER = 10
"""An iChat refuses the INVITE of a caller whose user part is longer."""

_EXPECTED = {"isAudioOnly": "1", "extSIPPort": "0", "extIPAddr": "127.0.0.1", "VCProtocolVersion": "1"}
_DECLINING = {Action.DECLINE: "", Action.DECLINE_LINE_FEED: "\n", Action.DECLINE_WITHOUT_DATA: None}


@define(eq=False)
class IncomingCall(IChatCall):
    """
    @ivar taking: what to do about it.
    @ivar request: the vc:request.
    @ivar offered: the addresses in it.
    """

    request: Element = field(kw_only=True)
    taking: Taking = field(kw_only=True)
    offered: list[Record] = field(factory=list, init=False)

    @property
    def waiting(self) -> bool:
        """Does it wait for their INVITE?"""
        return self._accepted.happened and self.dialog is None and not self.over

    def begin(self) -> None:
        """Look at the request, and say the word in a while."""
        self._checkRequest()
        self.later(self.taking.delay, self.respond, self.taking.action)

    def respond(self, action: Action) -> None:
        """Say the word."""
        if action is Action.ACCEPT:
            self.accept()
        elif action in _DECLINING:
            self.decline(_DECLINING[action])
        elif action is Action.ERROR:
            self.ichat.send(xml.errorFor(self.request, "item-not-found", code="404"))
            self.finish("error sent")
        elif action is Action.COUNTER:
            self.sendQuery(COUNTER_PROPOSAL, {"connectData": self.records(), "VCProtocolVersion": "1"})

    def accept(self) -> None:
        """Take the call; their INVITE should follow."""
        values = {"response": "0", "connectData": self.records(), "responseData": "1", "VCProtocolVersion": "1"}
        self.sendQuery(RESPONSE, values)
        self._accepted.come(self)

    def decline(self, data: str | None = "") -> None:
        """
        @param data: the text of C{connectData}; C{None} leaves the element out.
        """
        values = {"response": "1"}
        if data is not None:
            values["connectData"] = data
        self.sendQuery(RESPONSE, {**values, "VCProtocolVersion": "1"})
        self.finish("declined by us")

    def giveUp(self) -> None:
        """End it before it is up."""
        if self.dialog is not None:
            self.dialog.refuse(603)
        elif not self.over:
            self.decline()

    def cancelled(self, query: Element) -> None:
        """Their vc:cancel."""
        if xml.text(xml.child(query, "VCProtocolVersion")) != "1":
            self.ichat.complain("a vc:cancel without VCProtocolVersion")
        self.finish("they cancelled")

    def invited(self, dialog: Dialog) -> None:
        """Their INVITE."""
        self.dialog = dialog
        dialog.listener = self
        self._checkInvite(dialog)
        for status in self.taking.ring:
            dialog.ring(status)
        if len(self.peer.partition("@")[0]) > MAX_USER:
            dialog.refuse(603)
        elif self.taking.code != 200:
            dialog.refuse(self.taking.code)
        else:
            dialog.accept(self.describe())
            if dialog.invite.body:
                self.connect(dialog.invite.body)

    def ended(self, dialog: Dialog, status: int, why: str) -> None:
        if status and status == self.taking.code:
            why, status = f"refused by us with {status}", 0
        IChatCall.ended(self, dialog, status, why)

    def _checkRequest(self) -> None:
        complain = self.ichat.complain
        query = xml.child(self.request, "query")
        found = {} if query is None else {each.name: xml.text(each) for each in xml.children(query)}
        if list(found) != ["VCNewCallerIPPortData", *_EXPECTED]:
            complain(f"children of the vc:request: {list(found)}")
        for name, value in _EXPECTED.items():
            if found.get(name) != value:
                complain(f"vc:request: {name} is {found.get(name)!r}")
        if len(self.peer.partition("@")[0]) > MAX_USER or "/" in self.peer:
            complain(f"vc:request from {self.peer}")
        if xml.get(self.request, "to") != self.ichat.jid:
            complain(f"vc:request to {xml.get(self.request, 'to')}")
        if not self.ichat.greeted:
            complain("no presence of the control address before the vc:request")
        try:
            self.offered = decodeRecords(found.get("VCNewCallerIPPortData", ""))
        except MalformedError as error:
            complain(f"VCNewCallerIPPortData: {error}")

    def _checkInvite(self, dialog: Dialog) -> None:
        complain = self.ichat.complain
        if dialog.source not in [record.address for record in self.offered]:
            complain(f"INVITE from {dialog.source}, which is in no record")
        if dialog.invite.uri != f"sip:user@{self.ichat.address}":
            complain(f"INVITE to {dialog.invite.uri}")
        try:
            offer = Description.parse(dialog.invite.body)
            if offer.audio.formats != ("0",) or len(offer.media) != 1:
                complain(f"offer: {offer.media}")
        except MalformedError as error:
            complain(f"offer: {error}")
