"""
Tests for L{ichatgw.log.redaction}.
"""

from __future__ import annotations

from time import process_time

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.redaction import HIDDEN, Content, redacted, withoutPasswords
from ichatgw.test.marks import slow

SECRET = "Xk9vT0pS3cretW0rdQ"

SIP = (
    f"INVITE sip:bob:{SECRET}@pbx.example SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n",
    f"INVITE sip:pbx SIP/2.0\r\nContact: <sips:bob:{SECRET}@192.0.2.1:5061;transport=tcp>;q=1\r\n\r\n",
    f"INVITE sip:pbx SIP/2.0\r\nRefer-To: sip:a;phone-context=x:{SECRET}@pbx\r\n\r\n",
    f"INVITE sip:pbx SIP/2.0\r\nCall-Info: <https://me:{SECRET}@example.com/photo>;purpose=icon\r\n\r\n",
    f'INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest username="a", response="{SECRET}", uri="sip:b"\r\n\r\n',
    f"INVITE sip:a@b SIP/2.0\r\nauthorization: Digest a=b,\r\n response={SECRET}\r\n\r\n",
    f"Proxy-authorization : Digest a=b,response = {SECRET}\r\n",
    f"Authorization: Basic {SECRET}\r\n",
    f"Authorization: Bearer {SECRET}\r\n",
    f"Proxy-Authorization: NTLM {SECRET}\r\n",
    f'SIP/2.0 200 OK\r\nAuthentication-Info: qop=auth, rspauth="{SECRET}", nextnonce="1"\r\n\r\n',
    f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}|2^20|1:4\r\n",
    f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 other:{SECRET}\r\n",
    f"v=0\r\nk=clear:{SECRET}\r\nm=audio 1 RTP/AVP 0\r\n",
    f"v=0\r\nm=audio 1 RTP/AVP 0\r\nk=base64:{SECRET}\r\n",
    f"v=0\r\na=key-mgmt:mikey {SECRET}\r\n",
    f"v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:{SECRET}\r\n",
    f"INVITE sip:o'brien:{SECRET}@pbx.example SIP/2.0\r\nFrom: <sip:a@b>\r\n\r\n",
    f"INVITE sip:pbx SIP/2.0\r\nTo: <sip:jo's:{SECRET}@pbx.example;user=phone>\r\n\r\n",
)

MISSPELT = (
    f"INVITE sip:a@b SIP/2.0\r\nAuthorization: {SECRET}\r\n\r\n",
    f"INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest {SECRET}\r\n\r\n",
    f"INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest a=b, Basic {SECRET}\r\n\r\n",
    f'INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest a=b, response=\r\n "{SECRET}"\r\n\r\n',
    f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline: {SECRET}|2^20|1:4\r\n",
    f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {SECRET}\r\n",
    f"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 other: {SECRET}\r\n",
    f"v=0\r\na=crypto:1 {SECRET}\r\n",
    f"v=0\r\na=crypto {SECRET}\r\n",
    f"v=0\r\nk={SECRET}\r\n",
    f"v=0\r\na=key-mgmt:{SECRET}\r\n",
    f"v=0\r\na=key-mgmt: mikey {SECRET}\r\n",
)
"""Not by the grammar, but by a phone's software; what is not taken is shown in the log all the same."""

XMPP = (
    f"<handshake>{SECRET}</handshake>",
    f"<handshake xmlns='jabber:component:accept'>{SECRET}</handshake>",
    f"<iq><query xmlns='jabber:iq:register'><username>a</username><password>{SECRET}</password></query></iq>",
    f"<iq><r:query xmlns:r='jabber:iq:register'><r:password>{SECRET}</r:password></r:query></iq>",
    f"<iq><query xmlns='jabber:iq:auth'><digest>{SECRET}</digest></query></iq>",
    f"<x xmlns='jabber:x:data'><field type='text-private' var='new-password'>\n<value>{SECRET}</value></field></x>",
    f"<x xmlns='jabber:x:data'><field var='password'><required/><value>{SECRET}</value></field></x>",
    f"<x xmlns='jabber:x:data'><field var='pin' type='text-private'><value>{SECRET}</value></field></x>",
    f"<x xmlns='jabber:x:data'><d:field xmlns:d='jabber:x:data' var='passwd'><d:value>{SECRET}</d:value></d:field></x>",
    f"<query><old-password>{SECRET}</old-password></query>",
    f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{SECRET}</auth>",
    f"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{SECRET}</response>",
    f"<authenticate xmlns='urn:xmpp:sasl:2'><initial-response>{SECRET}</initial-response></authenticate>",
    f"<crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:{SECRET}' tag='1'/>",
    f'<crypto crypto-suite="X" key-params="{SECRET}" tag="1"/>',
    f"<transport ufrag='a' pwd='{SECRET}'/>",
    f'<transport pwd="{SECRET}" ufrag="a"/>',
    f"<service host='turn.example' username='a' password = '{SECRET}'/>",
    f"<presence><status>call sip:bob:{SECRET}@pbx.example</status></presence>",
)


def unquoted(text: str) -> str:
    return text.replace('"', "").replace("'", "")


class SecretTests(SynchronousTestCase):
    """Passwords and keys."""

    def test_secrets(self) -> None:
        """What is or proves a password, and keys of media, are left out on both sides, however they are written."""
        for text in (*SIP, *MISSPELT, *XMPP):
            for content in Content:
                shown = redacted(text, content)
                self.assertNotIn(SECRET, shown)
                self.assertEqual(shown.count(HIDDEN), 1, shown)
                self.assertEqual(unquoted(shown.replace(HIDDEN, SECRET)), unquoted(text))

    def test_several(self) -> None:
        """All secrets of a message, not the first one."""
        self.assertEqual(
            redacted("a=crypto:1 S inline:abc|2^20;inline:ghi\r\na=crypto:2 T inline:def\r\n"),
            f"a=crypto:1 S inline:{HIDDEN}|2^20;inline:{HIDDEN}\r\na=crypto:2 T inline:{HIDDEN}\r\n",
        )
        text = f'Authorization: Digest username="response=a", realm="b",response="{SECRET}"\r\n'
        self.assertNotIn(SECRET, redacted(text))
        text = f"INVITE sip:a:{SECRET}@b SIP/2.0\r\nTo: <sip:a:{SECRET}@b>\r\nFrom: sip:c:{SECRET}@d;tag=1\r\n\r\n"
        self.assertEqual(redacted(text).count(HIDDEN), 3)
        self.assertNotIn(SECRET, redacted(text))

    def test_passwordWithApostrophe(self) -> None:
        """An apostrophe is as good as a letter in a password (RFC 3261 section 25.1)."""
        for password in (f"it's{SECRET}", f"{SECRET}'s"):
            self.assertNotIn(SECRET, redacted(f"INVITE sip:bob:{password}@pbx.example SIP/2.0\r\n\r\n"))
            self.assertNotIn(SECRET, withoutPasswords(f"INVITE for 'sip:bob:{password}@pbx.example'"))

    def test_form(self) -> None:
        """All values of a private field, and none of the fields beside it."""
        fields = (
            "<field var='name'><value>jo</value></field>"
            f"<field type='text-private' var='pin'><value>{SECRET}</value><value>{SECRET}</value></field>"
            "<field var='town'><value>here</value></field>"
        )
        shown = redacted(f"<x xmlns='jabber:x:data'>{fields}</x>")
        self.assertEqual(shown, f"<x xmlns='jabber:x:data'>{fields.replace(SECRET, HIDDEN)}</x>")

    def test_rest(self) -> None:
        """All else stays as it is: addresses with ports, the response of an iChat, challenges."""
        for text in (
            "INVITE sip:a@b SIP/2.0\r\nX-Response: response=1\r\n\r\nv=0\r\nk=prompt\r\nm=audio 8000 RTP/AVP 0\r\n",
            "OPTIONS sip:192.0.2.1:5070 SIP/2.0\r\nContact: <sip:a@192.0.2.1:5060;ob>, <sip:gw:5070>\r\n\r\n",
            "INVITE sip:[2001:db8::1]:5070 SIP/2.0\r\nTo: <sip:a@b>\r\nCall-ID: a:b:c@d\r\n\r\n",
            "INVITE sip:a@b SIP/2.0\r\n\r\nv=0\r\nk=prompt\r\n",
            'INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest username="a", realm = "b c", qop =auth, nc  = 1\r\n\r\n',
            "<x xmlns='jabber:x:data'><field var='name' type='text-single'><value>jo</value></field></x>",
            'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n\r\n',
            "<query xmlns='apple:iq:vc:response'><response>0</response><connectData>00</connectData></query>",
            "<presence from='a@b/c:d'><password-policy/></presence>",
        ):
            self.assertEqual(redacted(text), text)

    @slow
    def test_hostile(self) -> None:
        """Long texts made to be dear to search are not."""
        unit = 65536
        for piece in (
            "Authorization:" + "response " * 7000,
            "Authorization: Digest " + "response=" * 7000,
            "inline:" * 9000,
            "<handshake" * 6000,
            "pwd='" * 9000,
            "password" + " " * unit,
            "sip:" * 16000,
            "sip:a:" * 10000,
            "a=crypto:" + "1 " * 30000,
            "a=crypto:1 " + " " * unit + "inline:",
            "a=crypto:1 " + "A" * unit,
            "\r\na=key-mgmt:" * 4000,
            "Authorization:" + " " * unit + "Digest",
            "Authorization: Digest a=b" + ", " * 30000,
            "Authorization: Digest a=b," + "w" * unit + " " * unit,
            "<field type='text-private'>" + "<value>" * 9000,
            "<field" * 10000,
            "<field var='" + "password" * 8000 + "'>",
            "<field " + "var='password' " * 4000 + ">",
            "<" + "w" * unit,
            "<field" + " var" * 16000,
            "<auth xmlns='" + "xmpp-sasl" * 7000,
            "INFO sip:a SIP/2.0\r\nContent-Type:" + "digi" * 16000,
            "<dtmf" + " code" * 13000,
            "<message" + "<>" * 30000,
        ):
            begun = process_time()
            redacted(piece, Content.TEXTS)
            self.assertLess(process_time() - begun, 0.5, piece[:30])

    def test_line(self) -> None:
        """A line of any kind shows no password of a URI."""
        self.assertEqual(
            withoutPasswords(f"call=1 from 'sip:a:{SECRET}@b' to 'sip:c@d:5060' as 'sips:e:{SECRET}@f:1'"),
            f"call=1 from 'sip:a:{HIDDEN}@b' to 'sip:c@d:5060' as 'sips:e:{HIDDEN}@f:1'",
        )


class ContentTests(SynchronousTestCase):
    """What people key in and write."""

    def test_digits(self) -> None:
        """Digits of INFO are shown only if that is wished, in all of their spellings, and those of XEP-0181."""
        head = "INFO sip:a@b SIP/2.0\r\nCSeq: 7 INFO\r\n"
        for text in (
            f"{head}Content-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n",
            f"{head}c: application/dtmf\r\n\r\n7",
            f"{head}Content-Type : application/vnd.nortelnetworks.digits\r\n\r\np=Digit-Collection\r\nd=7\r\n",
            f"{head}Content-Type: multipart/mixed;boundary=x\r\n\r\n--x\r\nContent-Type: application/dtmf\r\n\r\n7\r\n",
            f"{head}Content-Type: audio/telephone-event\r\n\r\n7",
            f"{head}Content-Type: text/plain\r\n\r\nSignal=7\r\n",
            f"{head}\r\nsignal = 7\r\n",
            "MESSAGE sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\n",
            "NOTIFY sip:a@b SIP/2.0\r\nContent-Type: application/kpml-response+xml\r\n\r\n<kpml-response digits='7'/>",
            "<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='7'/>",
        ):
            for content in (Content.DIGITS, Content.TEXTS):
                self.assertEqual(redacted(text, content).count(HIDDEN), 1, text)
                self.assertLessEqual(redacted(text, content).count("7"), 1)  # that of CSeq
            self.assertEqual(redacted(text, Content.NONE), text)

    def test_otherInfo(self) -> None:
        """What else an INFO carries is shown, and an INFO without a body as well."""
        for text in (
            "INFO sip:a@b SIP/2.0\r\nContent-Type: application/media_control+xml\r\n\r\n<media_control/>",
            "INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf\r\n\r\n",
            "INFO sip:a@b SIP/2.0\r\nSubject: dtmf\r\n\r\nx",
            "INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf",
            "SIP/2.0 200 OK\r\nCSeq: 7 INFO\r\n\r\n",
        ):
            self.assertEqual(redacted(text), text)

    def test_texts(self) -> None:
        """What people write is shown unless it is not wished."""
        for text in (
            "MESSAGE sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\n\r\nHello you\r\nthere",
            "<message to='a@b'><body>Hello you</body></message>",
            "<message to='a@b'><html xmlns='x'><body><p>Hello <em>you</em></p></body></html></message>",
        ):
            self.assertEqual(redacted(text), text)
            self.assertNotIn("Hello", redacted(text, Content.TEXTS))
            self.assertNotIn("you", redacted(text, Content.TEXTS))
            self.assertIn("a@b", redacted(text, Content.TEXTS))
        stanza = "<iq><query>Hello</query></iq>"
        self.assertEqual(redacted(stanza, Content.TEXTS), stanza)
