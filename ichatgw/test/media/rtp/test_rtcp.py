"""
Tests for L{ichatgw.media.rtp.rtcp}.
"""

from __future__ import annotations

from struct import pack

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.rtcp import Renumbering, rewrite, walk

# The party's stream, as forwarded; our stream to the party, and as its source calls it; somebody else's.
SOURCE, OUTGOING, RECEIVED, ORIGINAL, OTHER = 0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555
NUMBERS = Renumbering(
    outgoing=OUTGOING,
    received=RECEIVED,
    source=SOURCE,
    original=ORIGINAL,
    timestampShift=10,
    sequenceShift=5,
    packets=7,
    octets=1120,
)


def part(kind: int, count: int, body: bytes, padding: bool = False) -> bytes:
    return pack("!BBH", 0x80 | 0x20 * padding | count, kind, len(body) // 4) + body


def block(ssrc: int, highest: int = 0x00010064) -> bytes:
    return pack("!IIIIII", ssrc, 0x01000002, highest, 3, 4, 5)


def senderReport(ssrc: int, timestamp: int, packets: int, octets: int, *blocks: bytes) -> bytes:
    return part(200, len(blocks), pack("!IIIIII", ssrc, 111, 222, timestamp, packets, octets) + b"".join(blocks))


def description(*chunks: tuple[int, bytes]) -> bytes:
    body = b""
    for ssrc, items in chunks:
        chunk = pack("!I", ssrc) + items + b"\0"
        body += chunk + b"\0" * (-len(chunk) % 4)
    return part(202, len(chunks), body)


CNAME = b"\x01\x05alice"


class RewriteTests(SynchronousTestCase):
    """L{rewrite} puts the numbers of one party into those the other knows."""

    def test_senderReport(self) -> None:
        """The sender, its timestamp and its counts are those of the stream we forward; the wall clock is kept."""
        self.assertEqual(rewrite(senderReport(SOURCE, 0xFFFFFFFF, 90, 91), NUMBERS), senderReport(OUTGOING, 9, 7, 1120))

    def test_reports(self) -> None:
        """Report blocks on our stream name the original one and its sequence numbers; others are left alone."""
        expected = (block(ORIGINAL, 0x0001005F), block(OTHER))
        given = (block(RECEIVED), block(OTHER))
        self.assertEqual(
            rewrite(senderReport(SOURCE, 0, 0, 0, *given), NUMBERS), senderReport(OUTGOING, 10, 7, 1120, *expected)
        )
        self.assertEqual(
            rewrite(part(201, 2, pack("!I", SOURCE) + b"".join(given)), NUMBERS),
            part(201, 2, pack("!I", OUTGOING) + b"".join(expected)),
        )

    def test_nothingReceived(self) -> None:
        """As long as the other party has sent nothing, there is no name for its stream."""
        given = part(201, 1, pack("!I", SOURCE) + block(RECEIVED))
        self.assertEqual(
            rewrite(given, evolve(NUMBERS, original=None)), part(201, 1, pack("!I", OUTGOING) + block(RECEIVED))
        )

    def test_compound(self) -> None:
        """Each packet of a compound is rewritten, and the payload of none is touched."""
        given = senderReport(SOURCE, 0, 0, 0) + description((SOURCE, CNAME)) + part(203, 1, pack("!I", SOURCE))
        expected = (
            senderReport(OUTGOING, 10, 7, 1120) + description((OUTGOING, CNAME)) + part(203, 1, pack("!I", OUTGOING))
        )
        self.assertEqual(rewrite(given, NUMBERS), expected)

    def test_description(self) -> None:
        """The first chunk is the sender's; of the others only those with its SSRC are."""
        self.assertEqual(
            rewrite(description((OTHER, CNAME), (OTHER, b""), (SOURCE, CNAME)), NUMBERS),
            description((OUTGOING, CNAME), (OTHER, b""), (OUTGOING, CNAME)),
        )

    def test_bye(self) -> None:
        """Of those who leave, the sender is renamed; a reason stays."""
        reason = b"\x03bye"
        self.assertEqual(
            rewrite(part(203, 3, pack("!III", SOURCE, OTHER, SOURCE) + reason), NUMBERS),
            part(203, 3, pack("!III", OUTGOING, OTHER, OUTGOING) + reason),
        )

    def test_emptyBye(self) -> None:
        """A BYE of nobody is lawful."""
        given = part(201, 0, pack("!I", SOURCE)) + part(203, 0, b"")
        self.assertEqual(rewrite(given, NUMBERS), part(201, 0, pack("!I", OUTGOING)) + part(203, 0, b""))

    def test_application(self) -> None:
        """Of an application packet only the sender is renamed."""
        data = b"qtsi" + pack("!I", SOURCE)
        self.assertEqual(
            rewrite(part(204, 1, pack("!I", SOURCE) + data), NUMBERS), part(204, 1, pack("!I", OUTGOING) + data)
        )

    def test_feedback(self) -> None:
        """Feedback names its sender and the stream it is about (RFC 4585)."""
        for kind in (205, 206):
            self.assertEqual(
                rewrite(part(kind, 1, pack("!III", SOURCE, RECEIVED, 99)), NUMBERS),
                part(kind, 1, pack("!III", OUTGOING, ORIGINAL, 99)),
            )

    def test_extendedReport(self) -> None:
        """Blocks of an extended report are about a stream, or list several (RFC 3611)."""

        def report(sender: int, ours: int) -> bytes:
            voip = pack("!BBHI", 7, 0, 8, ours) + b"m" * 28
            reference = pack("!BBHII", 4, 0, 2, 1, 2)
            dlrr = pack("!BBHIIIIII", 5, 0, 6, ours, 1, 2, OTHER, 3, 4)
            return part(207, 0, pack("!I", sender) + voip + reference + dlrr)

        self.assertEqual(rewrite(report(SOURCE, RECEIVED), NUMBERS), report(OUTGOING, ORIGINAL))

    def test_padding(self) -> None:
        """Padding of the last packet is kept."""
        padding = b"\0\0\0\x04"
        given = part(201, 0, pack("!I", SOURCE) + padding, padding=True)
        self.assertEqual(rewrite(given, NUMBERS), part(201, 0, pack("!I", OUTGOING) + padding, padding=True))


class MalformedTests(SynchronousTestCase):
    """What is not valid RTCP is refused whole."""

    def test_framing(self) -> None:
        """Lengths must add up, versions be 2, and padding come last."""
        good = part(201, 0, pack("!I", SOURCE))
        for datagram in (
            b"",
            good[:4],
            good + b"\0",
            good[:-1],
            b"\x40" + good[1:],
            b"\x80\x00" + good[2:],
            b"\x80\xe0" + good[2:],
            b"\x80\xc9\x00\x02" + good[4:],
            good + b"\0\0\0\0",
            part(201, 0, pack("!I", SOURCE) + b"\0\0\0\x04", padding=True) + good,
            part(201, 0, pack("!I", SOURCE) + b"\0\0\0\x00", padding=True),
            part(201, 0, pack("!I", SOURCE) + b"\0\0\0\x03", padding=True),
            part(201, 0, pack("!I", SOURCE) + b"\0\0\0\x0c", padding=True),
        ):
            self.assertRaises(MalformedError, list, walk(datagram))

    def test_kinds(self) -> None:
        """Types from 192 to 223 are those of RTCP (RFC 5761 section 4), whether they are known or not."""
        for kind in (192, 199, 208, 223):
            whole = part(kind, 0, pack("!I", SOURCE))
            self.assertEqual(len(list(walk(whole))), 1, kind)
        for kind in (0, 191, 224, 255):
            self.assertRaises(MalformedError, list, walk(part(kind, 0, pack("!I", SOURCE))))

    def test_contents(self) -> None:
        """A packet must hold what its type and count promise."""
        long = part(201, 0, pack("!I", SOURCE))
        for datagram in (
            part(200, 0, pack("!II", SOURCE, 1)),
            part(200, 1, pack("!IIIIII", SOURCE, 1, 2, 3, 4, 5)),
            part(201, 1, pack("!I", SOURCE)),
            part(201, 0, b"") + long,
            part(202, 1, b"") + long,
            part(202, 1, pack("!I", SOURCE)),
            part(202, 1, pack("!I", SOURCE) + b"\x01\xffab"),
            part(202, 1, pack("!I", SOURCE) + b"\x01\x02ab"),
            part(203, 2, pack("!I", SOURCE)),
            part(206, 1, pack("!I", SOURCE)),
            part(207, 0, pack("!IBBH", SOURCE, 4, 0, 2)),
            part(207, 0, pack("!IBBH", SOURCE, 7, 0, 0)),
        ):
            self.assertRaises(MalformedError, rewrite, datagram, NUMBERS)

    def test_cutAnywhere(self) -> None:
        """A compound cut short is refused or whole packets of it are left, and nothing else happens."""
        whole = senderReport(SOURCE, 0, 0, 0, block(RECEIVED)) + description((SOURCE, CNAME))
        for size in range(len(whole)):
            try:
                rewritten = rewrite(whole[:size], NUMBERS)
            except MalformedError:
                continue
            self.assertEqual(size, 52)
            self.assertEqual(len(rewritten), size)

    def test_everyByteWrong(self) -> None:
        """Whatever one byte is changed to, only L{MalformedError} comes of it, and the length stays."""
        whole = senderReport(SOURCE, 0, 0, 0, block(RECEIVED)) + description((SOURCE, CNAME))
        for at in range(len(whole)):
            for value in (0x00, 0x01, 0x7F, 0x9F, 0xA1, 0xCF, 0xFF):
                try:
                    rewritten = rewrite(whole[:at] + bytes([value]) + whole[at + 1 :], NUMBERS)
                except MalformedError:
                    continue
                self.assertEqual(len(rewritten), len(whole))
