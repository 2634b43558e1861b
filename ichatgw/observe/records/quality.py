# -*- test-case-name: ichatgw.test.observe.records.test_quality -*-
"""
How a call sounded, estimated: the E-model (ITU-T G.107), simplified.

All that concerns telephones (loudness, noise, echo) has its default values, which leaves R = 93.2 - Id - Ie,eff: delay,
and what the format and lost packets take away (G.107 clauses 7.4 and 7.5, G.113 appendix I).  It is an estimate of what
the network did, not of what people heard.
"""

from __future__ import annotations

from attrs import frozen

BEST = 93.2
"""R of a call that nothing disturbs."""

PACKET = 0.020
"""Seconds that are collected for a packet."""

_LATE = 0.1773
"""Seconds of delay beyond which people begin to interrupt each other (G.107 clause 7.4, as in ITU-T G.107 annex B)."""


@frozen
class Impairment:
    """
    What a format takes away (G.113 tables I.1 and I.3).

    @ivar equipment: Ie, without loss.
    @ivar robustness: Bpl, the higher the less a lost packet harms.
    """

    equipment: float
    robustness: float


IMPAIRMENTS = {
    "pcmu": Impairment(0, 25.1),
    "pcma": Impairment(0, 25.1),
    "g729": Impairment(11, 19),
    "g723": Impairment(15, 16.1),
    "gsm": Impairment(20, 10),
    "ilbc": Impairment(11, 32),
    # Not in G.113; heard in narrowband they are no worse than G.711, and hide losses at least as well.
    "g722": Impairment(0, 25.1),
    "opus": Impairment(0, 25.1),
}
"""By the names of formats in lower case; packet losses are taken to be hidden, as all phones do."""


def rating(codec: str, loss: float, delay: float) -> float | None:
    """
    R, from 0 to 100.

    @param codec: the name of the format.
    @param loss: the share of packets that were lost, 0..1.
    @param delay: seconds from mouth to ear.
    @return: C{None} for a format of which nothing is known.
    """
    impairment = IMPAIRMENTS.get(codec.lower())
    if impairment is None:
        return None
    percent = 100 * min(max(loss, 0.0), 1.0)
    equipment = impairment.equipment + (95 - impairment.equipment) * percent / (percent + impairment.robustness)
    milliseconds = 1000 * max(delay, 0.0)
    late = max(0.0, milliseconds - 1000 * _LATE)
    return min(100.0, max(0.0, BEST - 0.024 * milliseconds - 0.11 * late - equipment))


def score(rating: float) -> float:
    """The mean opinion score that goes with an R, from 1 to 4.5 (G.107 annex B)."""
    if rating <= 0:
        return 1.0
    return min(4.5, max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6))


def meanOpinion(codec: str, loss: float, roundTrip: float | None, jitter: float | None) -> float | None:
    """
    The estimated score of what one party heard.

    @param loss: see L{rating}.
    @param roundTrip: seconds from one party to the other and back, by the network; C{None} counts as nothing.
    @param jitter: seconds; a phone is taken to wait for twice as long before it plays a packet.
    """
    delay = PACKET + (roundTrip or 0.0) / 2 + 2 * (jitter or 0.0)
    found = rating(codec, loss, delay)
    return None if found is None else score(found)
