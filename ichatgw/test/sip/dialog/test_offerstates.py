# -*- test-case-name: ichatgw.test.sip.dialog.test_offerstates -*-
"""
The machine of offer and answer, and the page that prints its table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.sip.dialog.offeranswer import REST, TABLE, Input, OfferAnswer, Outcome, Refusal, State, waitAfterGlare

PAGE = Path(ichatgw.__file__).parent.parent / "docs" / "offeranswer.rst"
OFFERS = (Input.INVITE, Input.UPDATE, Input.BARE_UPDATE)


def _words(state: State, outcome: Outcome) -> str:
    if isinstance(outcome, Refusal):
        return f"refused: {outcome.value}"
    if outcome is state:
        return "answered"
    return str(outcome.value)


def rows() -> Iterator[str]:
    """The table as the page prints it: what changes the state, and what becomes of the far end's offers."""
    for state in State:
        for input, outcome in TABLE[state].items():
            isOffer = input in OFFERS and state not in (State.IDLE, State.OVER)
            if input is not Input.END and (isOffer or outcome is not state):
                yield f'   "{state.value}", "{input.value}", "{_words(state, outcome)}"\n'


class TableTests(SynchronousTestCase):
    """What the table says as a whole."""

    def test_total(self) -> None:
        """Each input has an outcome in each state, and the end of the dialog is the end everywhere."""
        for state in State:
            self.assertEqual(set(TABLE[state]), set(Input))
            self.assertIs(TABLE[state][Input.END], State.OVER)
        self.assertEqual(set(TABLE[State.OVER].values()), {State.OVER})

    def test_reachable(self) -> None:
        """There is a way from the beginning to each state."""
        known = {State.IDLE}
        while True:
            found = {each for state in known for each in TABLE[state].values() if isinstance(each, State)}
            if REST in {each for state in known for each in TABLE[state].values()}:
                found |= {State.STABLE, State.ANSWERED, State.GLARE}
            if found <= known:
                break
            known |= found
        self.assertEqual(known, set(State))

    def test_refused(self) -> None:
        """Nothing is refused but offers of the far end."""
        for state in State:
            refused = {input for input, outcome in TABLE[state].items() if isinstance(outcome, Refusal)}
            self.assertTrue(refused <= set(OFFERS), state)

    def test_oneAtATime(self) -> None:
        """While an offer is open, no matter who made it, no other one is taken (RFC 3264 section 4)."""
        for state in (
            State.CALLING,
            State.CALLED,
            State.EARLY_OFFER,
            State.LOCAL_OFFER,
            State.REFRESH,
            State.REMOTE_OFFER,
            State.LATE_OFFER,
        ):
            for input in (Input.INVITE, Input.UPDATE):
                self.assertIsInstance(TABLE[state][input], Refusal, f"{state} {input}")
            self.assertIs(TABLE[state][Input.OFFER], state)

    def test_oursAfterTheAnswer(self) -> None:
        """We make an offer where nothing is open, and nowhere else."""
        moving = [state for state in State if TABLE[state][Input.OFFER] is not state]
        self.assertEqual(moving, [State.STABLE])

    def test_printed(self) -> None:
        """The page on offer and answer has the table as it is."""
        if not PAGE.exists():
            raise SkipTest("not a source checkout")
        self.assertIn("".join(rows()), PAGE.read_text("utf-8"), f"it should be:\n{''.join(rows())}")


class MachineTests(SynchronousTestCase):
    """What the machine does."""

    def setUp(self) -> None:
        self.rest = State.STABLE
        self.machine = OfferAnswer()

    def take(self, *inputs: Input) -> State:
        for each in inputs:
            self.machine.take(each, self.rest)
        return self.machine.state

    def test_hold(self) -> None:
        """A re-INVITE of the far end is open until it is answered; then its ACK is awaited."""
        self.take(Input.FIRST_SENT, Input.ACCEPTED, Input.INVITE)
        self.assertIs(self.machine.state, State.REMOTE_OFFER)
        self.assertIs(self.machine.refusal(Input.UPDATE), Refusal.BUSY)
        self.assertIs(self.take(Input.ACCEPT), State.ANSWERED)
        self.assertIsNone(self.machine.refusal(Input.UPDATE))
        self.assertIs(self.take(Input.ACK), State.STABLE)

    def test_early(self) -> None:
        """Our offer in a reliable response is answered by the PRACK; then the caller may make offers."""
        self.take(Input.FIRST_BARE, Input.EARLY_OFFER)
        self.assertIs(self.machine.refusal(Input.UPDATE), Refusal.TOO_EARLY)
        self.assertIs(self.take(Input.PRACK), State.CALLED_EARLY)
        self.assertIsNone(self.machine.refusal(Input.UPDATE))
        self.assertIs(self.machine.refusal(Input.INVITE), Refusal.TOO_EARLY)

    def test_glare(self) -> None:
        """After glare the far end's offer is taken; ours has its turn when its time has come."""
        self.take(Input.FIRST_SENT, Input.ACCEPTED, Input.OFFER)
        self.assertIs(self.machine.refusal(Input.INVITE), Refusal.PENDING)
        self.assertIs(self.take(Input.CROSSED), State.GLARE)
        self.rest = State.GLARE
        self.assertIs(self.take(Input.INVITE, Input.REFUSE), State.GLARE)
        self.rest = State.STABLE
        self.assertIs(self.take(Input.TIMER), State.STABLE)

    def test_senseless(self) -> None:
        """What has no meaning in a state changes nothing: an ACK too many, or a CANCEL too late."""
        self.take(Input.FIRST_SENT, Input.ACCEPTED)
        for each in (Input.ACK, Input.CANCEL, Input.PRACK, Input.CROSSED, Input.REFUSED, Input.TIMER):
            self.assertIs(self.take(each), State.STABLE)

    def test_before(self) -> None:
        """Who takes an input is told in which state it came."""
        self.assertIs(self.machine.take(Input.FIRST_BARE), State.IDLE)
        self.assertIs(self.machine.take(Input.ACCEPT_WITH_OFFER), State.ASKED)
        self.assertIs(self.machine.take(Input.ACK), State.LATE_OFFER)

    def test_turns(self) -> None:
        """The end that made the Call-ID waits for 2.1 to 4 s, the other one for up to 2 s, in steps of 10 ms."""
        waits = {isCaller: [waitAfterGlare(isCaller) for _ in range(300)] for isCaller in (True, False)}
        self.assertTrue(all(2.1 <= each <= 4.0 for each in waits[True]))
        self.assertTrue(all(0.0 <= each <= 2.0 for each in waits[False]))
        self.assertTrue(len(set(waits[True])) > 1)
