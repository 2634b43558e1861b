# -*- test-case-name: ichatgw.test.runtime.test_files -*-
"""Tests for L{ichatgw.runtime.files}."""

from __future__ import annotations

import os
import resource

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime import files
from ichatgw.runtime.files import INTERVAL, LEAST, Files


class FilesTests(SynchronousTestCase):
    """L{Files}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.used, self.most, self.counts = 10, 1024, 0
        self.files = Files(self.clock, self.count, lambda: self.most)

    def count(self) -> int:
        self.counts += 1
        return self.used

    def test_short(self) -> None:
        """When too few are left for a call that is said, with the remedy; when there are enough again nothing is."""
        for used, isShort in ((10, False), (1024 - LEAST, False), (1025 - LEAST, True), (1024, True), (10, False)):
            self.used = used
            self.clock.advance(INTERVAL)
            self.assertEqual(bool(self.files.trouble), isShort, used)
            if isShort:
                self.assertIn(f"{used} of 1024 are open: see ulimit -n", self.files.trouble)

    def test_noLimit(self) -> None:
        """Where there is no limit, or nobody knows how many are open, there is no trouble."""
        self.most, self.used = 0, 10**6
        self.assertEqual(self.files.trouble, "")
        self.clock.advance(INTERVAL)
        self.most, self.used = 1024, 0
        self.assertEqual(self.files.trouble, "")

    def test_counts(self) -> None:
        """However often it is asked, it counts once in a while."""
        for _ in range(1000):
            self.files.trouble  # noqa: B018
        self.assertEqual(self.counts, 1)


class SystemTests(SynchronousTestCase):
    """What the system says."""

    def test_opened(self) -> None:
        """One more open file is counted, also by a kernel that does not count itself."""
        for hides in (False, True):
            if hides:
                self.patch(os, "stat", lambda path: os.stat_result([0] * 10))
            before = files.opened()
            reading, writing = os.pipe()
            self.assertEqual(files.opened() - before, 2)
            os.close(reading)
            os.close(writing)

    def test_unknown(self) -> None:
        """Where there is no such folder nothing is counted."""
        self.patch(files, "_FOLDER", "/nowhere")
        self.assertEqual(files.opened(), 0)

    def test_allowed(self) -> None:
        """The limit is the one in force; none is 0."""
        for soft, most in ((256, 256), (resource.RLIM_INFINITY, 0)):
            self.patch(resource, "getrlimit", lambda which, soft=soft: (soft, 4096))
            self.assertEqual(files.allowed(), most)
