# -*- test-case-name: ichatgw.test.xmpp.presence.test_statuses -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.xmpp.presence.statuses}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.runtime.nulls import unheard
from ichatgw.xmpp.presence.stanzas import presenceStanza
from ichatgw.xmpp.presence.statuses import STATUS_LIFE, Statuses

KIM, LEE, BOX = JID("kim@jabber.example/phone"), JID("lee@jabber.example"), JID("97@gw.test/gw")


class StatusTests(SynchronousTestCase):
    """How many messages wait, in presence."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.statuses = Statuses(self.clock)

    def shown(self, to: JID = KIM, from_: JID = BOX) -> str:
        presence = presenceStanza(to, from_)
        self.statuses.adding(unheard)(presence)
        return str(presence.status) if presence.status is not None else ""

    def test_said(self) -> None:
        """It is shown to its user at whatever client, from whatever resource, and to nobody else."""
        self.statuses.say(KIM, BOX, "2 new messages")
        self.assertEqual(self.shown(), "2 new messages")
        self.assertEqual(self.shown(JID(KIM.userhost()), JID(BOX.userhost())), "2 new messages")
        self.assertEqual((self.shown(LEE), self.shown(from_=JID("98@gw.test"))), ("", ""))

    def test_over(self) -> None:
        """It goes when there is nothing to say, and after a week."""
        self.statuses.say(KIM, BOX, "2 new messages")
        self.statuses.say(KIM, BOX, "")
        self.assertEqual(self.shown(), "")
        self.statuses.say(KIM, BOX, "1 new message")
        self.clock.advance(STATUS_LIFE)
        self.assertEqual(self.shown(), "")
