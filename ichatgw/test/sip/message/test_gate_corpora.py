# -*- test-case-name: ichatgw.test.sip.message.test_gate_corpora -*-
"""
Tests of L{ichatgw.sip.message.gate} with messages that others wrote, and with what becomes of them by chance: what is
admitted never makes sippy raise.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

# Importing this readies sippy, and so comes first.
import ichatgw.sip.message.sippypatches  # noqa: F401
from ichatgw.model import TransportAddress
from ichatgw.sip.message.gate import Admitted, Answer, Dropped, Gate

# Importing this readies sippy, and so comes first.
from ichatgw.test.marks import slow
from ichatgw.test.support import data

# isort: split
from sippy.SipAddressHF import SipAddressHF
from sippy.SipMsg import SipMsg
from sippy.SipNumericHF import SipNumericHF
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse

SOURCE = TransportAddress("198.51.100.7", 40000)

PIECES = [
    *(bytes([octet]) for octet in b"\r\n\t \"\\<>;:,=@?%[]()&/*#'\0\x7f\x85\xff-+0"),
    b"\r\n ",
    b"\r\n\r\n",
    b"\xe2\x80\xa8",
    b'\\"',
    b"%00",
    b";;",
    b",,",
    b";tag=",
    b";rport=",
    b";received=",
    b";ttl=x",
    b";transport=",
    b";lr=x",
    b"?a=b",
    b"?a",
    b"sip:",
    b"tel:",
    b"<sip:a@b>",
    b'"a" <sip:a,b@c>;x="y;z"',
    b"Content-Length: 0\r\n",
    b"Contact: *\r\n",
    b"Expires: 99999999999\r\n",
    b"Reason: SIP;cause=x\r\n",
    b'WWW-Authenticate: Digest realm="a", nonce="b\r\n',
    b'WWW-Authenticate: Digest realm="a", nonce==\r\n',
    b'Authorization: Digest username="a,b", uri=""\r\n',
    b"Content-Type: a/b;c;d=\r\n",
    b"RAck: 1 1 INVITE\r\n",
    b"Warning: 399\r\n",
    b"Replaces: a\r\n",
    b"Route: <sip:a;lr>\r\n",
    b"Refer-To: <sip:a@b?Replaces=x>\r\n",
    b"P-Asserted-Identity: tel:+1\r\n",
]


def table(folder: str, name: str) -> list[tuple[bytes, str, str]]:
    """The messages of a folder, by its table: content, verdict and words, file name."""
    rows = [line.split("\t", 1) for line in data(folder, name).read_bytes().decode().splitlines()]
    return [(data(folder, file).read_bytes(), words, file) for file, words in rows]


def useAll(admitted: Admitted) -> None:
    """Let sippy read everything it can in a message, write it and answer it."""
    message: SipMsg = (SipRequest if admitted.isRequest else SipResponse)(admitted.text)
    for header in message.headers:
        body = header.getBody()
        str(header)
        body.getCopy()
        header.localStr((("192.0.2.1", 5060), "udp"), compact=True)
    for via in message.getHFBodys("via"):
        host, port = via.getTAddr()
        assert isinstance(host, str) and 0 < port < 65536
    for name in ("from", "to", "contact", "route", "record-route", "path", "refer-to", "p-asserted-identity"):
        for body in message.getHFBodys(name):
            if not getattr(body, "asterisk", False) and isinstance(body, SipAddressHF):
                str(body.getUri())
                body.getUrl().getTAddr()
    for name in ("expires", "max-forwards", "rseq"):
        for body in message.getHFBodys(name):
            assert isinstance(body, SipNumericHF) and 0 <= body.getNum() < 2**32
    number, method = message.getHFBody("cseq").getCSeq()
    assert 0 <= number < 2**31 and method == admitted.method
    message.getTId(True, True, True)
    if (content := message.getBody()) is not None:
        content.getType()
    if isinstance(message, SipRequest):
        assert message.getHFBody("via").params["received"] == SOURCE.host
        assert message.countHFs("contact") or method != "INVITE"
        message.getTIds()
        message.genResponse(200, "OK").localStr((("192.0.2.1", 5060), "udp"))
    message.localStr((("192.0.2.1", 5060), "udp"))


class CorporaTests(SynchronousTestCase):
    """The torture messages."""

    def verdict(self, datagram: bytes) -> str:
        """What the gate says, in short: C{admitted}, C{dropped} or a status code."""
        verdict = Gate().admit(datagram, SOURCE)
        if isinstance(verdict, Admitted):
            useAll(verdict)
            return "admitted"
        if isinstance(verdict, Answer):
            return verdict.response.decode("latin-1").split(" ")[1]
        return "dropped"

    def test_valid4475(self) -> None:
        """All thirteen valid messages of RFC 4475 pass."""
        valid = [row for row in table("rfc4475", "EXPECT.tsv") if row[1].startswith("VALID")]
        self.assertEqual(len(valid), 13)
        self.assertEqual([file for datagram, _, file in valid if self.verdict(datagram) != "admitted"], [])

    def test_invalid4475(self) -> None:
        """
        The invalid messages of RFC 4475 are refused, but for a bad Date, which is ignored (as the RFC permits): we
        have no use for the header; and for display names with half a quote or a bare comma: they are for show.
        """
        verdicts = {
            file.partition(".")[0]: self.verdict(datagram)
            for datagram, words, file in table("rfc4475", "EXPECT.tsv")
            if words.startswith("INVALID")
        }
        self.assertEqual(len(verdicts), 19)
        self.assertEqual(verdicts.pop("baddate"), "admitted")
        self.assertEqual([verdicts.pop("quotbal"), verdicts.pop("baddn")], ["admitted"] * 2)
        self.assertEqual(verdicts.pop("badvers"), "505")
        # its Via cannot be read, so nobody could tell the answer from another one
        self.assertEqual(verdicts.pop("badinv01"), "dropped")
        for name in ("scalarlg", "bigcode"):
            self.assertEqual(verdicts.pop(name), "dropped", name)
        self.assertEqual(set(verdicts.values()), {"400"})

    def test_application4475(self) -> None:
        """Of the messages of RFC 4475 that an application must judge, those that are for the gate are refused."""
        verdicts = {
            file.partition(".")[0]: self.verdict(datagram)
            for datagram, words, file in table("rfc4475", "EXPECT.tsv")
            if words.startswith("APP")
        }
        self.assertEqual(
            {name: verdict for name, verdict in verdicts.items() if verdict != "admitted"},
            {
                "insuf": "400",
                "unkscm": "416",
                "novelsc": "416",
                "bext01": "420",
                "multi01": "400",
                "mcl01": "400",
                "test": "dropped",
            },
        )

    def test_rfc5118(self) -> None:
        """Of the IPv6 messages of RFC 5118 all but the bad one pass."""
        files = [path for path in data("rfc5118").iterdir() if path.name != "README"]
        self.assertEqual(len(files), 12)
        refused = {path.name: self.verdict(path.read_bytes()) for path in files}
        self.assertEqual([name for name, verdict in refused.items() if verdict != "admitted"], ["ipv6-bad"])
        self.assertEqual(refused["ipv6-bad"], "400")

    def test_jain(self) -> None:
        """
        Of the JAIN messages at least as many are judged as their authors judged them as we know of.

        Two invalid ones pass whose only fault is in a display name.  The valid ones that are refused have a URI that
        does not close, an unknown scheme in the Request-URI (416), a Require (420), or are not whole.
        """
        counts = Counter(
            (words.split(" ", 1)[0], self.verdict(datagram) == "admitted")
            for datagram, words, _ in table("jain", "INDEX.tsv")
        )
        self.assertGreaterEqual(counts["VALID", True], 314)
        self.assertGreaterEqual(counts["INVALID", False], 29)


class ChanceTests(SynchronousTestCase):
    """The torture messages, mangled; the same way each time."""

    def setUp(self) -> None:
        self.messages = [
            path.read_bytes()
            for folder in ("rfc4475", "rfc5118", "jain")
            for path in sorted(data(folder).iterdir())
            if path.name not in ("README", "EXPECT.tsv", "INDEX.tsv")
        ]

    def mangled(self, random: Random) -> bytes:
        """One of the messages with a few changes."""
        message = bytearray(random.choice(self.messages))
        for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
            start = random.randrange(len(message) + 1)
            end = min(len(message), start + random.choice((0, 0, 1, 1, 4, 20)))
            other = random.choice(self.messages)
            middle = random.randrange(len(other))
            message[start:end] = random.choice(
                (
                    b"",
                    bytes(message[start:end]) * 3,
                    other[middle : middle + 30],
                    random.choice(PIECES),
                    random.choice(PIECES),
                    bytes([random.randrange(256)]),
                )
            )
        return bytes(message)

    @slow
    def test_sippyReadsWhatIsAdmitted(self) -> None:
        """Whatever comes, the gate raises nothing, answers little, and admits only what sippy can read."""
        random = Random(4475)
        counts: Counter[type] = Counter()
        for _ in range(4000):
            datagram = self.mangled(random)
            verdict = Gate().admit(datagram, SOURCE)
            counts[type(verdict)] += 1
            if isinstance(verdict, Admitted):
                try:
                    useAll(verdict)
                except Exception as error:
                    self.fail(f"{error!r} in {verdict.text!r}")
            elif isinstance(verdict, Answer):
                self.assertLessEqual(len(verdict.response), 2 * len(datagram) + 256)
        for kind in (Admitted, Answer, Dropped):
            self.assertGreater(counts[kind], 100)

    @slow
    def test_floods(self) -> None:
        """64 KiB of one thing, anywhere in a message, raise nothing; what little passes, sippy can read."""
        message = data("rfc4475", "sdp01.dat").read_bytes()
        places = [
            0,
            *(index for index in range(len(message)) if message[index : index + 1] in (b":", b";", b'"', b"@")),
        ]
        for piece in PIECES:
            for place in places[::3]:
                for size in (600, 65000):
                    flood = message[:place] + (piece * size)[:size] + message[place:]
                    verdict = Gate().admit(flood[:65535], SOURCE)
                    if isinstance(verdict, Admitted):
                        useAll(verdict)
