# -*- test-case-name: ichatgw.test.sip.message.test_multipart -*-
"""
Bodies of several parts: L{ichatgw.sip.message.multipart}, and how they go through the gateway.
"""

from __future__ import annotations

import random
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import Part
from ichatgw.sip.message.gate import Admitted, Answer, Gate
from ichatgw.sip.message.multipart import DEEPEST, MAX_PARTS, read, write
from ichatgw.test.support.clients.jingles import World
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.sip.siptalks import formats
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond, status

ISUP = bytes([1, 0, 0x20, 0xFF, 0x0A, 0, 2, 9])
SDP_PART = b"Content-Type: application/sdp\r\n\r\n" + PHONE_SDP.encode()
ISUP_PART = (
    b"Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n" + ISUP
)
MIXED = "multipart/mixed;boundary=b1"


def body(*parts: bytes, boundary: bytes = b"b1", end: bytes = b"--") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + end + b"\r\n"


def message(content: bytes, contentType: str = MIXED, extra: str = "", method: str = "INVITE") -> bytes:
    """A request with that body."""
    text = request(method, contentType=contentType, body=None, extra=f"Content-Type: {contentType}\r\n{extra}")
    return text.replace("Content-Length: 0\r\n", f"Content-Length: {len(content)}\r\n").encode() + content


class ReadTests(SynchronousTestCase):
    """What is found in a body."""

    def sdpOf(self, content: bytes, contentType: str = MIXED) -> bytes | None:
        return read(contentType, "", content).sdp

    def test_parts(self) -> None:
        """The SDP is found wherever it stands, and the others are kept octet by octet."""
        for parts in ((SDP_PART, ISUP_PART), (ISUP_PART, SDP_PART)):
            found = read(MIXED, "", body(*parts))
            self.assertEqual((found.sdp, found.required), (PHONE_SDP.encode(), ()))
            isup = Part("application/isup;version=itu-t92+", "signal;handling=optional", ISUP)
            self.assertEqual(found.others, (isup,))

    def test_spelling(self) -> None:
        """Quoted boundaries, odd letter case, blanks, folded lines, a preamble and an epilogue, bare line feeds."""
        odd = b"content-type :\r\n  APPLICATION/SDP ;charset=x\r\n\r\n" + PHONE_SDP.encode()
        for content, kind in (
            (body(SDP_PART), 'Multipart/Mixed; boundary="b1"'),
            (body(SDP_PART, boundary=b"=_a b'(c):?"), 'multipart/mixed;x=1; Boundary="=_a b\'(c):?"; y'),
            (body(odd), MIXED),
            (b"a preamble\r\n" + body(SDP_PART) + b"an epilogue", MIXED),
            (body(SDP_PART).replace(b"--b1\r\n", b"--b1  \t\r\n"), MIXED),
            (body(SDP_PART).replace(b"\r\n", b"\n"), MIXED),
            (body(SDP_PART, end=b""), MIXED),
            (b"--b1\r\n" + SDP_PART, MIXED),
        ):
            found = self.sdpOf(content, kind)
            assert found is not None, content
            self.assertEqual(found.replace(b"\r\n", b"\n").rstrip(), PHONE_SDP.replace("\r\n", "\n").rstrip().encode())

    def test_encodings(self) -> None:
        """SDP that was packed as in mail is unpacked; what is compressed is none."""
        packed = b"Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0wDQo="
        self.assertEqual(self.sdpOf(body(packed)), b"v=0\r\n")
        quoted = packed.replace(b"base64", b"quoted-printable").replace(b"dj0wDQo=", b"v=3D0")
        self.assertEqual(self.sdpOf(body(quoted)), b"v=0")
        self.assertEqual(self.sdpOf(body(packed.replace(b"dj0wDQo=", b"x"))), b"")
        self.assertIsNone(self.sdpOf(body(b"Content-Encoding: gzip\r\n" + SDP_PART)))

    def test_barely(self) -> None:
        """SDP is known by the short name of its type, by its beginning if it has none, and if it is not packed."""
        sdp = PHONE_SDP.encode()
        for head in (
            b"c: application/sdp\r\n",
            b"",
            b"Content-Type:\r\n",
            b"Content-Encoding: identity\r\nC: Application/SDP\r\n",
        ):
            self.assertEqual(self.sdpOf(body(head + b"\r\n" + sdp)), sdp, head)
        self.assertIsNone(self.sdpOf(body(b"\r\nhello")))
        self.assertIsNone(self.sdpOf(body(b"Content-Type: text/plain\r\n\r\n" + sdp)))

    def test_nested(self) -> None:
        """Parts may have parts, so deep and no deeper."""
        content, boundary = body(SDP_PART), "b1"
        for depth in range(DEEPEST + 1):
            found = self.sdpOf(content, f"multipart/mixed;boundary={boundary}")
            self.assertEqual(found is not None, depth < DEEPEST, depth)
            outer = f"o{depth}"
            head = f"Content-Type: multipart/alternative;boundary={boundary}\r\n\r\n".encode()
            content, boundary = body(head + content, boundary=outer.encode()), outer

    def test_unreadableWithin(self) -> None:
        """A part that should have parts, and has none that can be told from each other, costs none of the others."""
        for kind in (b"multipart/related", b"multipart/mixed;boundary=b2", b"Multipart/Signed; boundary="):
            broken = b"Content-Type: " + kind + b"\r\n\r\nnothing"
            for content in (body(SDP_PART, broken), body(broken, SDP_PART)):
                self.assertEqual(self.sdpOf(content), PHONE_SDP.encode())
            needed = b"Content-Disposition: signal;handling=required\r\n" + broken
            self.assertEqual(
                read(MIXED, "", body(SDP_PART, needed)).required, (kind.partition(b";")[0].decode().lower(),)
            )

    def test_dispositions(self) -> None:
        """Only SDP of the session is it; a part that says that it has to be understood is told."""
        early = b"Content-Disposition: early-session\r\n" + SDP_PART
        self.assertIsNone(self.sdpOf(body(early)))
        self.assertEqual(
            self.sdpOf(body(b"Content-Disposition: Session; handling=required\r\n" + SDP_PART)), PHONE_SDP.encode()
        )
        needed = ISUP_PART.replace(b"optional", b"Required")
        self.assertEqual(read(MIXED, "", body(SDP_PART, needed)).required, ("application/isup",))
        unsaid = b"Content-Type: application/pidf+xml\r\nContent-ID: <a@b>\r\n\r\n<presence/>"
        found = read(MIXED, "", body(unsaid, SDP_PART))
        self.assertEqual(found.others, (Part("application/pidf+xml", "", b"<presence/>", "<a@b>"),))

    def test_alone(self) -> None:
        """A body that is neither SDP nor has parts is required unless it says otherwise."""
        self.assertEqual(read("application/isup", "", ISUP).required, ("application/isup",))
        self.assertEqual(read("application/isup", "signal ;handling = optional", ISUP).required, ())

    def test_hostile(self) -> None:
        """Nothing that is not made of parts is taken for such, and there are not too many."""
        part = b"a: b\r\n\r\n"
        for content, kind in (
            (b"", MIXED),
            (b"v=0", MIXED),
            (body(SDP_PART), "multipart/mixed"),
            (body(SDP_PART), "multipart/mixed;boundary="),
            (body(SDP_PART), f"multipart/mixed;boundary={'b' * 71}"),
            (body(*[part] * (MAX_PARTS + 1)), MIXED),
        ):
            with self.assertRaises(MalformedError):
                read(kind, "", content)
        self.assertEqual(len(read(MIXED, "", body(*[part] * MAX_PARTS)).others), MAX_PARTS)

    def test_garbage(self) -> None:
        """Whatever comes, it is read or refused."""
        chance = random.Random(2046)
        pieces = [b"", b"--b1", b"\r\n", b":", b"\0", b"--b1--", b"\xff"]
        whole = body(SDP_PART, ISUP_PART)
        for _ in range(2000):
            text = bytearray(whole)
            for _ in range(chance.randrange(1, 8)):
                at = chance.randrange(len(text))
                text[at : at + chance.randrange(6)] = chance.choice(pieces)
            try:
                read(MIXED, "", bytes(text))
            except MalformedError:
                continue

    def test_written(self) -> None:
        """What is written is read again, whatever is in it."""
        others = (
            Part("application/isup", "signal;handling=optional", ISUP + b"\r\n--part0\r\n"),
            Part("a/b", "", b"", "<x>"),
        )
        kind, content = write(PHONE_SDP, others)
        found = read(kind, "", content)
        self.assertEqual((found.sdp, found.others, found.required), (PHONE_SDP.encode(), others, ()))


class GateTests(SynchronousTestCase):
    """What passes the gate."""

    def admit(self, text: bytes) -> Admitted | Answer:
        return cast("Admitted | Answer", Gate().admit(text, PHONE))

    def test_sdpAlone(self) -> None:
        """The message goes on with the SDP; the rest goes beside it."""
        admitted = self.admit(message(body(ISUP_PART, SDP_PART)))
        assert isinstance(admitted, Admitted)
        self.assertEqual(
            (admitted.body.decode(), header(admitted.text, "Content-Type")), (PHONE_SDP, "application/sdp")
        )
        self.assertEqual([part.content for part in admitted.parts], [ISUP])

    def test_required(self) -> None:
        """A part that is required and unknown is refused, with what we read."""
        refused = self.admit(message(body(SDP_PART, ISUP_PART.replace(b"optional", b"required"))))
        assert isinstance(refused, Answer)
        self.assertEqual(status(refused.response.decode()), 415)
        self.assertIn("multipart/mixed", header(refused.response.decode(), "Accept"))
        refusal = Rig().receive(message(b"1234", "application/isup").decode())[-1]
        self.assertEqual((status(refusal), "multipart/mixed" in header(refusal, "Accept")), (415, True))

    def test_withoutSDP(self) -> None:
        """Without SDP, and with nothing that is required, there is no offer."""
        for text in (
            message(body(ISUP_PART)),
            message(ISUP, "application/isup", "Content-Disposition: signal;handling=optional\r\n"),
        ):
            admitted = self.admit(text)
            assert isinstance(admitted, Admitted)
            self.assertEqual(header(admitted.text, "Content-Type"), "")
            self.assertTrue(admitted.text.endswith("Content-Length: 0\r\n\r\n"))

    def test_malformed(self) -> None:
        """Parts that cannot be told from each other are refused."""
        refused = self.admit(message(b"v=0"))
        assert isinstance(refused, Answer)
        self.assertEqual(status(refused.response.decode()), 400)

    def test_passedOn(self) -> None:
        """What is for the other party passes as it is."""
        admitted = self.admit(message(body(ISUP_PART), method="INFO"))
        assert isinstance(admitted, Admitted)
        self.assertIn("--b1", admitted.text)


class CallTests(SynchronousTestCase):
    """From phone to phone."""

    def call(self, *parts: bytes) -> tuple[Rig, str]:
        """One calls; what is the other one sent?"""
        rig = Rig()
        rig.endpoint.received(message(body(*parts)), PHONE)
        self.alice = rig.invitations.legs[-1]
        self.bob = rig.dial()
        rig.wire.take()
        self.bob.start(rig.invitations.offers[-1])
        ((datagram, _),) = rig.wire.raw
        rig.wire.take()
        return rig, datagram.decode("latin-1")

    def test_handedOn(self) -> None:
        """What came with the offer goes with ours, octet by octet, and the length is right."""
        _, invite = self.call(SDP_PART, ISUP_PART)
        self.assertIn(ISUP.decode("latin-1"), invite)
        content = invite.partition("\r\n\r\n")[2].encode("latin-1")
        self.assertEqual(len(content), int(header(invite, "Content-Length")))
        found = read(header(invite, "Content-Type"), "", content)
        assert found.sdp is not None
        self.assertEqual(formats(found.sdp.decode()), "0 8 101")
        self.assertEqual([part.content for part in found.others], [ISUP])

    def test_answer(self) -> None:
        """What came with the answer goes with ours."""
        rig, invite = self.call(SDP_PART)
        self.assertEqual(header(invite, "Content-Type"), "application/sdp")
        ok = respond(invite, 200, "OK", body="x").replace("Content-Type: application/sdp", f"Content-Type: {MIXED}")
        content = body(SDP_PART, ISUP_PART)
        head = ok.partition("\r\n\r\n")[0].replace("Content-Length: 1", f"Content-Length: {len(content)}")
        rig.endpoint.received(head.encode() + b"\r\n\r\n" + content, PHONE)
        answer = cast(FakeCall, self.bob.call).answers[-1]
        self.assertEqual([part.content for part in answer.parts], [ISUP])
        rig.wire.take()
        self.alice.answer(answer)
        ((datagram, _),) = rig.wire.raw
        self.assertIn(ISUP, datagram)

    def test_unreadable(self) -> None:
        """An answer whose parts cannot be told from each other is none; its sender is not left waiting."""
        rig, invite = self.call(SDP_PART)
        ok = respond(invite, 200, "OK", body="junk").replace("Content-Type: application/sdp", f"Content-Type: {MIXED}")
        sent = rig.receive(ok)
        self.assertEqual(sorted(each.split()[0] for each in sent), ["ACK", "BYE"])

    def test_notTaken(self) -> None:
        """Who does not take it is sent the SDP alone."""
        rig, invite = self.call(SDP_PART, ISUP_PART)
        sent = rig.receive(respond(invite, 415, "Unsupported Media Type"))
        again = next(each for each in sent if each.startswith("INVITE"))
        self.assertEqual(header(again, "Content-Type"), "application/sdp")
        self.assertNotEqual(header(again, "Call-ID"), header(invite, "Call-ID"))
        sent = rig.receive(respond(again, 415, "Unsupported Media Type"))
        self.assertFalse(any(each.startswith("INVITE") for each in sent))
        self.assertEqual(cast(FakeCall, self.bob.call).news, ["ended"])

    def test_client(self) -> None:
        """A client gets the call without it."""
        rig, _ = self.call(SDP_PART, ISUP_PART)
        world = World()
        world.dial(offer=rig.invitations.offers[-1])
        self.assertTrue(any(word.startswith("propose") for word in world.said()))
