# -*- test-case-name: ichatgw.test.net.test_authorities -*-
"""
Tests for L{ichatgw.net.authorities}.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from ssl import DefaultVerifyPaths

from OpenSSL import SSL, crypto
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.net import authorities
from ichatgw.net.authorities import MAX_OCTETS, ofSystem, trust, trustSystem
from ichatgw.runtime.steps import atOnce
from ichatgw.sip.transport.tls import Files, Security
from ichatgw.test.support.sip.certificates import Authority


class AuthoritiesTests(SynchronousTestCase):
    """Those of a directory, and those of the system."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.authority = Authority(Path(self.mktemp()))

    def put(self, name: str, data: bytes | None = None) -> None:
        """A file in the directory: the certificate of an authority, or something else."""
        (self.directory / name).write_bytes(Path(self.authority.path).read_bytes() if data is None else data)

    def trusted(self, context: SSL.Context) -> bool:
        """Is a certificate of the authority taken, whatever is on the disk by now?"""
        store = context.get_cert_store()
        assert store is not None
        made = crypto.X509.from_cryptography(self.authority.make("sip.example"))
        try:
            crypto.X509StoreContext(store, made).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True

    def said(self, *contexts: SSL.Context) -> list[str]:
        """What is logged when the directory is read."""
        with capturedLogs() as events:
            atOnce(trust(contexts, str(self.directory)))
        return [formatEvent(event) or "" for event in events]

    def test_all(self) -> None:
        """All files named by hashes are read at once, into each context; no file is needed any more."""
        self.put("0a1b2c3d.0", Path(Authority(Path(self.mktemp()), "Other").path).read_bytes())
        self.put("0a1b2c3d.1")
        contexts = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
        self.assertEqual(self.said(*contexts), [])
        for path in self.directory.iterdir():
            path.unlink()
        self.assertEqual([self.trusted(each) for each in contexts], [True, True])

    def test_neverLater(self) -> None:
        """What comes into the directory later is not looked for by handshakes: that takes a reload."""
        context = SSL.Context(SSL.TLS_METHOD)
        self.put("0a1b2c3d.0", Path(Authority(Path(self.mktemp()), "Other").path).read_bytes())
        self.said(context)
        hashed = crypto.X509.from_cryptography(self.authority.certificate).subject_name_hash()
        self.put(f"{hashed:08x}.0")
        self.assertFalse(self.trusted(context))

    def test_inSteps(self) -> None:
        """A step reads one file: between two others can be served."""
        for number in range(5):
            self.put(f"0a1b2c3d.{number}")
        self.assertEqual(len(list(trust([], str(self.directory)))), 5)
        plain = len(list(Security(Files()).prepare(Files(authorities=self.authority.path))))
        both = Files(authorities=self.authority.path, directory=str(self.directory))
        self.assertEqual(len(list(Security(Files()).prepare(both))), plain + 5)

    def test_otherNames(self) -> None:
        """Files with other names are ignored, and that there is none with a right one is said."""
        for name in ("ca.pem", "0a1b2c3d", "0a1b2c3d.r0", "0A1B2C3D.0", "0a1b2c3d.0.bak"):
            self.put(name)
        context = SSL.Context(SSL.TLS_METHOD)
        (line,) = self.said(context)
        self.assertIn("no file has a name as openssl rehash gives it", line)
        self.assertFalse(self.trusted(context))

    def test_leftOut(self) -> None:
        """What is no file, is too long, or holds no certificate is left out, in one line; a pipe is not waited for."""
        os.mkfifo(self.directory / "00000000.0")
        (self.directory / "00000001.0").mkdir()
        (self.directory / "00000002.0").symlink_to(self.directory / "nowhere")
        self.put("00000003.0", b"")
        self.put("00000004.0", b"\0" * 100)
        self.put("00000005.0", Path(self.authority.path).read_bytes() + b"\n" * MAX_OCTETS)
        self.put("00000006.0")
        context = SSL.Context(SSL.TLS_METHOD)
        (line,) = self.said(context)
        self.assertIn("6 files are left out, 00000000.0 for one", line)
        self.assertTrue(self.trusted(context))

    def test_most(self) -> None:
        """No more than so many are read."""
        self.patch(authorities, "MAX_FILES", 3)
        for number in range(5):
            self.put(f"0a1b2c3d.{number}")
        self.assertEqual(len(list(trust([], str(self.directory)))), 3)
        self.assertIn("2 files are left out, 0a1b2c3d.3 for one", self.said()[0])

    def test_missing(self) -> None:
        """A directory that cannot be read is refused, with its name."""
        self.assertIn("/nowhere", str(self.assertRaises(ConfigError, atOnce, trust([], "/nowhere"))))

    def test_changed(self) -> None:
        """A reload says so if a file of the directory is another one, or there is one more."""
        self.put("0a1b2c3d.0")
        files = Files(directory=str(self.directory))
        security = Security(files)
        self.assertIsNone(atOnce(security.prepare(files))())
        self.put("0a1b2c3d.1")
        self.assertIn("certificates", atOnce(security.prepare(files))() or "")
        self.assertIsNone(atOnce(security.prepare(files))())
        self.put("0a1b2c3d.1", Path(self.authority.path).read_bytes() + b"\n")
        self.assertIn("certificates", atOnce(security.prepare(files))() or "")

    def system(self, file: str | None, directory: str | None) -> None:
        """This is where the system keeps its authorities."""
        known = DefaultVerifyPaths(file, directory, "", "", "", "")  # type: ignore[arg-type]
        self.patch(ssl, "get_default_verify_paths", lambda: known)
        self.patch(authorities, "_BUNDLES", ())

    def test_system(self) -> None:
        """Those of the system are a file; or, where there is none, a directory, which is read before as well."""
        self.system(self.authority.path, str(self.directory))
        self.assertEqual(ofSystem(), (self.authority.path, ""))
        context = SSL.Context(SSL.TLS_METHOD)
        trustSystem(context)
        self.assertTrue(self.trusted(context))
        self.put("0a1b2c3d.0")
        self.system(None, str(self.directory))
        self.assertEqual(ofSystem(), ("", str(self.directory)))
        security = Security(Files())
        (self.directory / "0a1b2c3d.0").unlink()
        self.assertTrue(self.trusted(security._client))

    def test_noSystem(self) -> None:
        """A system that has none, or a broken one, is no reason not to start."""
        self.system(None, None)
        Security(Files())
        self.put("broken", b"nothing")
        self.system(str(self.directory / "broken"), None)
        with capturedLogs() as events:
            Security(Files())
        self.assertIn("holds no certificate of an authority", formatEvent(events[0]) or "")

    def test_elsewhere(self) -> None:
        """A Python that was built for another system finds the file of this one."""
        self.system(None, None)
        self.patch(authorities, "_BUNDLES", ("/nowhere", self.authority.path))
        self.assertEqual(ofSystem(), (self.authority.path, ""))
