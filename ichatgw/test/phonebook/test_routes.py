"""Tests for L{ichatgw.phonebook.routes}."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.errors import NoRoute
from ichatgw.model import Party
from ichatgw.phonebook.routes import Routes
from ichatgw.test.phonebook.test_book import KIM, LEE, MOBILE, bookOf

RULES = (
    (r"^sip:72@", "sip:secretary@pbx.example"),
    (r"^xmpp:(\+?\d+)@gw\.example\.com$", "sip:$1@pbx.example;transport=tcp"),
    (r"^xmpp:(lee)@", "sip:$1@own.example:5070;transport=tcp"),
)


class RoutesTests(SynchronousTestCase):
    """L{Routes}."""

    def setUp(self) -> None:
        self.routes = Routes(DialPlan(RULES), bookOf(KIM, MOBILE, LEE))

    def test_bookFirst(self) -> None:
        """The book decides where it knows the number, else the rules do."""
        for called, route in (
            ("sip:72@x", "xmpp:lee@example.com"),
            ("xmpp:+49301234@gw.example.com", "xmpp:kim@example.com"),
            ("xmpp:73@gw.example.com", "sip:73@pbx.example;transport=tcp"),
        ):
            self.assertEqual(self.routes.translate(called), route)
            self.assertTrue(self.routes.matches(called))

    def test_rulesFirst(self) -> None:
        """The rules decide where one matches, else the book does."""
        self.routes.bookFirst = False
        for called, route in (
            ("sip:72@x", "sip:secretary@pbx.example"),
            ("sip:0301234@x", "xmpp:kim@example.com"),
            ("xmpp:+49301234@gw.example.com", "sip:+49301234@pbx.example;transport=tcp"),
        ):
            self.assertEqual(self.routes.translate(called), route)
            self.assertTrue(self.routes.matches(called))

    def test_names(self) -> None:
        """Numbers of the book have its names, however they are written; others have none."""
        self.assertEqual(self.routes.nameOf("xmpp:+49301234@gw.example.com"), KIM.name)
        self.assertEqual(self.routes.nameOf("xmpp:0301234@gw.example.com"), KIM.name)
        self.assertEqual(self.routes.nameOf("xmpp:73@gw.example.com"), "")
        self.assertEqual(Routes(self.routes.rules, bookOf()).nameOf("xmpp:72@gw.example.com"), "")

    def test_neither(self) -> None:
        """What neither knows has no route, in whatever order and without a book."""
        for book in (self.routes.book, bookOf()):
            for bookFirst in (True, False):
                routes = Routes(self.routes.rules, book, bookFirst)
                self.assertRaises(NoRoute, routes.translate, "sip:73@x")
                self.assertFalse(routes.matches("sip:73@x"))

    def test_decided(self) -> None:
        """A rule that matches decides, even if what it gives is no address."""
        routes = Routes(DialPlan([("^sip:(72)@", "sip:$1 @x")]), bookOf(LEE), bookFirst=False)
        self.assertRaises(NoRoute, routes.translate, "sip:72@x")

    def test_ownNumber(self) -> None:
        """A user calls by the outgoing number of the book, or the only one, at the host that is called."""
        caller = Party("xmpp:kim@example.com", hops=7)
        for route in ("sip:73@pbx.example", "sips:73@pbx.example:5061;transport=tls", "sip:pbx.example;lr"):
            self.assertEqual(
                self.routes.introduced(caller, route), Party("sip:+4930100@pbx.example", "Kim", hops=7), route
            )
        mobile = Routes(self.routes.rules, bookOf(MOBILE))
        self.assertEqual(mobile.introduced(caller, "sip:1@[2001:db8::1]:5060").uri, "sip:+491701234567@[2001:db8::1]")

    def test_ownHost(self) -> None:
        """If the rules give the caller a SIP address, the caller's number is at its host."""
        caller = Party("xmpp:lee@example.com", "Lou")
        self.assertEqual(self.routes.introduced(caller, "sip:73@pbx.example"), Party("sip:72@own.example", "Lou"))

    def test_shownNames(self) -> None:
        """The callee sees the caller by the name of the book, and by no other number than the call is from."""
        for uri in ("sip:+49301234@provider.example", "sip:0301234@pbx", "xmpp:kim@example.com"):
            caller = Party(uri, "somebody")
            self.assertEqual(self.routes.introduced(caller, "xmpp:lee@example.com"), evolve(caller, name="Kim"))
        stranger = Party("sip:+1212@x", "Sam")
        self.assertIs(self.routes.introduced(stranger, "xmpp:lee@example.com"), stranger)

    def test_private(self) -> None:
        """Who does not want to be shown is still not to be shown."""
        caller = Party("xmpp:kim@example.com", private=True)
        self.assertTrue(self.routes.introduced(caller, "sip:73@pbx.example").private)
