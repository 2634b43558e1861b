# -*- test-case-name: ichatgw.test.xmpp.cards.test_pictures -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.xmpp.cards.pictures} and L{ichatgw.gateway.cards}."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.gateway.cards import cardsOf
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.entries import Table, rowOf
from ichatgw.phonebook.numbers import Numbering
from ichatgw.xmpp.cards.pictures import (
    MAX_PICTURE,
    MAX_PICTURES,
    MAX_READ,
    PICTURE_LIFE,
    NoPicture,
    Picture,
    Pictures,
    read,
)
from ichatgw.xmpp.cards.vcards import Card

PNG = b"\x89PNG\r\n\x1a\n"
USER = JID("kim@jabber.example/phone")


class SlowDisk:
    """
    A disk that does its work when the test says so.

    @ivar given: what it was given.
    """

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], object], Deferred[Any]]] = []

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        told: Deferred[Any] = Deferred()
        self.given.append((work, told))
        return told

    def settle(self) -> None:
        given, self.given = self.given, []
        for work, told in given:
            execute(work).chainDeferred(told)


class ReadTests(SynchronousTestCase):
    """What is in a file."""

    def file(self, content: bytes) -> str:
        path = str(self.mktemp())
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_kinds(self) -> None:
        """The content says what kind of picture it is, not the name."""
        for content, kind in (
            (PNG + b"x", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF1234WEBPVP8 ", "image/webp"),
        ):
            self.assertEqual(read(self.file(content)), Picture(kind, content))

    def test_none(self) -> None:
        """A page, a script, an empty file, a directory, a pipe, a device or nothing at all is no picture."""
        pipe = self.mktemp()
        os.mkfifo(pipe)
        paths = [self.file(b"<svg onload='x'/>"), self.file(b"#!/bin/sh"), self.file(b""), pipe, "/dev/zero", "/"]
        for path in (*paths, "/nowhere/x.png", "a\0b"):
            self.assertRaises(NoPicture, read, path)

    def test_size(self) -> None:
        """A picture has so many octets; of one that is larger no more is read."""
        self.assertEqual(len(read(self.file(PNG.ljust(MAX_PICTURE))).content), MAX_PICTURE)
        for size in (MAX_PICTURE + 1, 1 << 20):
            self.assertIn("make it smaller", str(self.assertRaises(NoPicture, read, self.file(PNG.ljust(size)))))


class PicturesTests(ReadTests):
    """Reading without waiting."""

    def setUp(self) -> None:
        self.clock, self.disk = Clock(), SlowDisk()
        self.pictures = Pictures(self.clock, self.disk)

    def test_later(self) -> None:
        """The disk does it, and the picture is remembered for a while; then the file may hold another one."""
        path = self.file(PNG)
        found = self.pictures.find(path)
        self.assertNoResult(found)
        self.disk.settle()
        self.assertEqual(self.successResultOf(found), Picture("image/png", PNG))
        self.assertEqual(self.successResultOf(self.pictures.find(path)), Picture("image/png", PNG))
        self.clock.advance(PICTURE_LIFE)
        self.assertNoResult(self.pictures.find(path))

    def test_wrong(self) -> None:
        """If there is none, that is logged once in a while, and asking is free to go on."""
        with capturedLogs() as logs:
            for _ in range(20):
                found = self.pictures.find("/nowhere/x.png")
                self.disk.settle()
                self.assertIsNone(self.successResultOf(found))
        self.assertIn("/nowhere/x.png", formatEvent(logs[0]))
        self.assertLess(len(logs), 10)
        self.assertIsNone(self.successResultOf(self.pictures.find("")))

    def test_bounded(self) -> None:
        """Only some files are read at a time, and only some pictures kept."""
        found = [self.pictures.find(f"/nowhere/{number}") for number in range(MAX_READ + 5)]
        self.assertEqual(len(self.disk.given), MAX_READ)
        for each in found[MAX_READ:]:
            self.assertIsNone(self.successResultOf(each))
        self.disk.settle()
        for number in range(MAX_PICTURES + 10):
            self.pictures.find(self.file(PNG + str(number).encode()))
            self.disk.settle()
        self.assertEqual(len(self.pictures._known), MAX_PICTURES)

    def test_card(self) -> None:
        """The card of a number has what the phone book has of it; that of another one has its name."""
        numbering = Numbering("DE")
        values = {"number": "030 1234", "jid": "lee@jabber.example", "org": "Sales", "photo": self.file(PNG)}
        table = Table()
        table.add(rowOf(values, numbering))
        book = PhoneBook("gw.test")
        list(book.adopt(numbering, table))
        cardOf = cardsOf(book, self.pictures, lambda user, ours: f"name of {ours.user}")
        card = cardOf(USER, JID("+49301234@gw.test"))
        self.disk.settle()
        self.assertEqual(self.successResultOf(card), Card("name of +49301234", "Sales", ("image/png", PNG)))
        self.assertEqual(self.successResultOf(cardOf(USER, JID("72@gw.test"))), Card("name of 72"))
        self.assertEqual(self.successResultOf(cardOf(USER, JID("gw.test"))), Card("name of None"))
