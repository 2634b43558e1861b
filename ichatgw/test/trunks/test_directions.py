"""
Tests for L{ichatgw.trunks.directions}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.rights import DialRule
from ichatgw.errors import Refused
from ichatgw.model import Party
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.entries import Table, rowOf
from ichatgw.phonebook.numbers import Numbering
from ichatgw.trunks.directions import Directions
from ichatgw.trunks.emergency import Emergency
from ichatgw.trunks.rights import Rights

ANNA, BEN, CARL = (Party(f"xmpp:{name}@chat") for name in ("anna", "ben", "carl"))


class DirectionsTests(SynchronousTestCase):
    """L{Directions}."""

    def setUp(self) -> None:
        numbering = Numbering()
        table = Table()
        for number, jid, trunk in (("+4930100", "anna@chat", "Two"), ("+4930101", "ben@chat", "gone")):
            row = rowOf({"number": number, "jid": jid, "trunk": trunk}, numbering)
            table.byNumber[row[0]], table.byJID[row[1]] = row, row
        book = PhoneBook("gw")
        list(book.adopt(numbering, table))
        self.rights = Rights(book, Emergency(("112",), "sip:$1@one"))
        self.directions = Directions(self.rights, lambda name: name in ("one", "two", "three"))

    def route(self, caller: Party, route: str = "sip:17@one,three", called: str = "xmpp:17@gw") -> str:
        return self.directions.route(caller, called, route)

    def test_own(self) -> None:
        """The trunk of a caller comes first, and the others of the rule after it."""
        self.assertEqual(self.route(ANNA), "sip:17@two,one,three")
        self.assertEqual(self.route(ANNA, "sip:17@one,TWO"), "sip:17@two,one")

    def test_others(self) -> None:
        """Who has none, or one that there is not, calls as the rule says."""
        for caller in (BEN, CARL, Party("sip:1@x")):
            self.assertEqual(self.route(caller), "sip:17@one,three")

    def test_noTrunk(self) -> None:
        """A rule that leads to a host, or to a user, is left as it is, and so is that for help."""
        for route in ("sip:17@pbx.example", "sip:17@192.0.2.1:5062;transport=tcp", "xmpp:ben@chat", "sip:pbx"):
            self.assertEqual(self.route(ANNA, route), route)
        self.assertEqual(self.route(ANNA, "sip:112@one", "xmpp:112@gw"), "sip:112@one")

    def test_rights(self) -> None:
        """Who may not dial a number has no way to it."""
        self.rights.adopt((DialRule(False, ("17",)),), Numbering())
        self.assertRaises(Refused, self.route, ANNA)
