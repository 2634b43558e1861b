# -*- test-case-name: ichatgw.test.selfservice.test_words -*-
"""
What self-service says, in each language.
"""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH, GERMAN = "en", "de"

_EN = {
    "help": (
        "You can write:\n"
        "number - which number is yours\n"
        "test - the gateway calls you, and you will hear yourself\n"
        "calls - who called lately\n"
        "forward - where your calls are forwarded\n"
        "forward 030123 - forward all calls; forward 030123 busy, offline, or no answer 20 - only then\n"
        "forward off - forward no more\n"
        "dnd on, dnd off - do not disturb\n"
        "help - this text"
    ),
    "number": "Your number is {reached}.",
    "numbers": "Your number is {reached}. Those whom you call see {shown}.",
    "noNumber": "You have no number here: ask the administrator for one.",
    "testCalled": "You are being called now: there is a tone first, and then you will hear yourself.",
    "testSoon": "There was a test call a moment ago: try again in a minute.",
    "testFailed": "The test call could not be made: {why}",
    "testOff": "There are no test calls here.",
    "noCalls": "Nobody has called you since the gateway was started.",
    "calls": "Latest calls:",
    "answered": "{when} {who}",
    "missed": "{when} {who} (missed)",
    "anonymous": "anonymous",
    "dndOn": "Do not disturb is on: who calls you is told that you are busy.",
    "dndOff": "Do not disturb is off.",
    "noForwards": "Your calls are not forwarded.",
    "forwards": "Your calls are forwarded:",
    "forward": "{when}: to {target}",
    "forwardLater": "{when} for {seconds} seconds: to {target}",
    "always": "always",
    "busy": "busy",
    "no answer": "no answer",
    "offline": "offline",
    "voicemail": "voicemail",
    "unclear": "That was not understood. Write help to see what you can write.",
    "badTarget": "{target} is neither a number, nor an address such as user@example.com, nor voicemail.",
    "badSeconds": "The time has to be a whole number of seconds from {least} to {most}.",
    "forwardsOff": "Calls are not forwarded here as users choose.",
    "noVoicemail": "There is no voicemail here.",
    "noRoom": "That could not be kept: there is no room for more users.",
    "titleNumber": "My number",
    "titleTest": "Test call",
    "titleCalls": "Who called",
    "titleForward": "Forward calls",
    "titleDnd": "Do not disturb",
    "titleHelp": "Help",
    "fieldWhen": "When",
    "fieldTarget": "To (a number, an address, or voicemail; empty for nowhere)",
    "fieldSeconds": "Seconds to ring, if there is no answer",
    "fieldDnd": "Do not disturb",
}

_DE = {
    "help": (
        "Sie k\u00f6nnen schreiben:\n"
        "nummer - welche Nummer Sie haben\n"
        "test - Sie werden angerufen und h\u00f6ren sich selbst\n"
        "anrufe - wer zuletzt angerufen hat\n"
        "umleiten - wohin Ihre Anrufe umgeleitet werden\n"
        "umleiten 030123 - alle Anrufe umleiten; umleiten 030123 besetzt, offline oder keine antwort 20 - nur dann\n"
        "umleiten aus - nicht mehr umleiten\n"
        "ruhe an, ruhe aus - nicht st\u00f6ren\n"
        "hilfe - dieser Text"
    ),
    "number": "Ihre Nummer ist {reached}.",
    "numbers": "Ihre Nummer ist {reached}. Wen Sie anrufen, der sieht {shown}.",
    "noNumber": "Sie haben hier keine Nummer: fragen Sie den Administrator danach.",
    "testCalled": "Sie werden jetzt angerufen: zuerst kommt ein Ton, dann h\u00f6ren Sie sich selbst.",
    "testSoon": "Gerade gab es einen Testanruf: versuchen Sie es in einer Minute wieder.",
    "testFailed": "Der Testanruf kam nicht zustande: {why}",
    "testOff": "Hier gibt es keine Testanrufe.",
    "noCalls": "Seit dem Start des Gateways hat niemand Sie angerufen.",
    "calls": "Letzte Anrufe:",
    "answered": "{when} {who}",
    "missed": "{when} {who} (verpasst)",
    "anonymous": "anonym",
    "dndOn": "Nicht st\u00f6ren ist an: wer Sie anruft, h\u00f6rt, dass Sie besetzt sind.",
    "dndOff": "Nicht st\u00f6ren ist aus.",
    "noForwards": "Ihre Anrufe werden nicht umgeleitet.",
    "forwards": "Ihre Anrufe werden umgeleitet:",
    "forward": "{when}: an {target}",
    "forwardLater": "{when} nach {seconds} Sekunden: an {target}",
    "always": "immer",
    "busy": "besetzt",
    "no answer": "keine Antwort",
    "offline": "offline",
    "voicemail": "Mailbox",
    "unclear": "Das war nicht zu verstehen. Schreiben Sie hilfe, um zu sehen, was Sie schreiben k\u00f6nnen.",
    "badTarget": "{target} ist weder eine Nummer noch eine Adresse wie user@example.com noch voicemail.",
    "badSeconds": "Die Zeit muss eine ganze Zahl von Sekunden von {least} bis {most} sein.",
    "forwardsOff": "Hier werden Anrufe nicht nach Wahl der Benutzer umgeleitet.",
    "noVoicemail": "Hier gibt es keine Mailbox.",
    "noRoom": "Das lie\u00df sich nicht merken: es ist kein Platz f\u00fcr mehr Benutzer.",
    "titleNumber": "Meine Nummer",
    "titleTest": "Testanruf",
    "titleCalls": "Wer hat angerufen",
    "titleForward": "Anrufe umleiten",
    "titleDnd": "Nicht st\u00f6ren",
    "titleHelp": "Hilfe",
    "fieldWhen": "Wann",
    "fieldTarget": "Wohin (eine Nummer, eine Adresse oder voicemail; leer: nirgendwohin)",
    "fieldSeconds": "Sekunden, die es klingelt, wenn niemand antwortet",
    "fieldDnd": "Nicht st\u00f6ren",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = {ENGLISH: _EN, GERMAN: _DE}
"""All messages by language (its first tag, RFC 5646) and name."""


def languageOf(tag: str) -> str:
    """
    The language to answer in.

    @param tag: the C{xml:lang} of a stanza; empty if it has none.
    @return: one of L{LANGUAGES}; English for those that are not translated.
    """
    first = tag.partition("-")[0].lower()
    return first if first in LANGUAGES else ENGLISH


def said(language: str, message: str, **values: object) -> str:
    """
    A message.

    @param language: one of L{LANGUAGES}.
    @param values: what its fields stand for.  Characters of these that cannot be shown become question marks: a far end
        may have written them, and not all may stand in XML.
    """
    shown = {
        name: "".join(each if each.isprintable() else "?" for each in str(value)) for name, value in values.items()
    }
    return LANGUAGES[language][message].format(**shown)
