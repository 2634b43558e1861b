# -*- test-case-name: ichatgw.test.sip.dialog.test_vanished -*-
"""
Finds out by OPTIONS whether a party that sends no media any more still has its dialog.
"""

from __future__ import annotations

from functools import partial

from sippy.SipResponse import SipResponse
from twisted.logger import Logger

from ichatgw.model import Ending, EndReason
from ichatgw.sip.dialog.requests import endsCall
from ichatgw.sip.leg.interfaces import ISipLeg

_log = Logger()


class Liveness:
    """Asks the party of one leg, once at a time."""

    def __init__(self) -> None:
        self._isAsked = False

    def unheard(self, leg: ISipLeg) -> None:
        """No media comes from the party, which may only be muted: ask it by OPTIONS."""
        dialog = leg.dialog
        if leg.isOver or not leg.isAnswered or self._isAsked or dialog is None or dialog.pinned is not None:
            return
        self._isAsked = True
        _log.info(
            "call={call} leg={leg} {party!r:.120} sends no media any more, and is asked whether it is there",
            call=leg.call.id,
            leg=leg.id,
            party=leg.party.uri,
        )
        try:
            dialog.ask("OPTIONS", partial(self._told, leg))
        except OSError as problem:
            _vanished(leg, str(problem))

    def _told(self, leg: ISipLeg, response: SipResponse) -> None:
        self._isAsked = False
        code, phrase = response.getSCode()
        if endsCall("OPTIONS", code) or response.source is None:
            _vanished(leg, f"{code} {phrase}")


def _vanished(leg: ISipLeg, why: str) -> None:
    leg.hangup(Ending(EndReason.CONNECTIVITY, f"no media any more, and no sign of life: {why}"[:200]))
