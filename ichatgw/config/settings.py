# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading,ichatgw.test.config.test_forwarding,ichatgw.test.web.test_setup,ichatgw.test.config.test_trunks -*-  # noqa: E501
"""
All settings together: L{TABLE} is what the parser of the configuration file, the command line options, the sample file
and the documentation are made from.  L{ichatgw.config.declared} declares them.

C{python -m ichatgw.config.settings sample} writes the sample file to the standard output, C{... rst} the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import NOTHING, Attribute, evolve, fields, frozen

from ichatgw.address import Address
from ichatgw.config.declared.calls import CallSettings
from ichatgw.config.declared.encryption import EncryptionSettings
from ichatgw.config.declared.forwarding import ForwardingSettings
from ichatgw.config.declared.jingle import JingleSettings
from ichatgw.config.declared.log import LogSettings
from ichatgw.config.declared.observe import ObserveSettings
from ichatgw.config.declared.phonebook import PhoneBookSettings
from ichatgw.config.declared.rights import RightsSettings
from ichatgw.config.declared.sip import SIPSettings
from ichatgw.config.declared.texts import SelfServiceSettings, TextSettings
from ichatgw.config.declared.tls import TLSSettings
from ichatgw.config.declared.trunks import TrunkSettings
from ichatgw.config.declared.web import ControlSettings, WebSettings
from ichatgw.config.declared.xmpp import XMPPSettings
from ichatgw.config.reading import document
from ichatgw.config.reading.groups import takeGroups
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.reading.reader import Entry, Reader, Setting, environmentEntries, readFile
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import Steps, atOnce
from ichatgw.users.preferences import VOICEMAIL

__all__ = ["TABLE", "Proxy", "Settings"]


@frozen(kw_only=True, slots=False)
class Settings(
    EncryptionSettings,
    TLSSettings,
    ControlSettings,
    WebSettings,
    LogSettings,
    ObserveSettings,
    JingleSettings,
    SelfServiceSettings,
    TextSettings,
    CallSettings,
    ForwardingSettings,
    RightsSettings,
    TrunkSettings,
    SIPSettings,
    PhoneBookSettings,
    XMPPSettings,
):
    """
    What the administrator has decided.  L{Settings.load} reads it; the constructor checks nothing.

    The subjects stand in reverse: attrs puts the attributes of the last base first.
    """

    @classmethod
    def load(
        cls,
        path: str | None,
        overrides: Iterable[tuple[str, str]] = (),
        environ: Mapping[str, str] | None = None,
    ) -> tuple[Settings, list[str]]:
        """
        Read the settings, all at once; see L{steps}.
        """
        return atOnce(cls.steps(path, overrides, environ))

    @classmethod
    def steps(
        cls, path: str | None, overrides: Iterable[tuple[str, str]] = (), environ: Mapping[str, str] | None = None
    ) -> Steps[tuple[Settings, list[str]]]:
        """
        Read the settings in steps: the command line comes before the environment, this before the file.

        @param path: the configuration file, or C{None} for none.
        @param overrides: names, in any case, and values from the command line, in order.
        @param environ: may hold secrets, as C{ICHATGW_} and the name in capitals.
        @return: the settings, and warnings for the log.
        @raise ConfigError: if the gateway cannot start with them; the text has a line for each problem.
        """
        variables = environ or {}
        reader = Reader(TABLE, takeGroups=partial(_takeGroups, variables))
        if path is not None:
            yield from reader.take(readFile(path, reader))
        yield from reader.take(environmentEntries(TABLE, variables))
        yield from reader.take(Entry("command line", name, value) for name, value in overrides)
        settings = cls(**reader.values)
        for attributes, expected in _conflicts(settings):
            blamed = next(attribute for attribute in attributes if attribute in reader.entries)
            reader.wrong(reader.entries[blamed], expected)
        for setting in TABLE:
            if setting.required and setting.attribute not in reader.values and setting.name not in reader.faulty:
                reader.problems.append(f"{path or 'settings'}: {setting.name} is missing: {setting.help}")
        if reader.problems:
            raise ConfigError("\n".join([*reader.problems, *reader.unknown]))
        return settings, [*reader.unknown, *reader.warnings, *_doubts(settings)]


def _takeGroups(
    environ: Mapping[str, str], reader: Reader, settings: list[Setting], entries: list[Entry]
) -> Steps[tuple[Any, ...]]:
    return (yield from takeGroups(reader, settings, entries, environ))


def _conflicts(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings that exclude each other: the attributes, the one to blame first, and what it should be."""
    least = settings.mediaRelayPortRangeMin + settings.mediaRelayPortRangeMin % 2 + 3
    if settings.mediaRelayPortRangeMax < least:
        expected = f"a range with room for a call, which takes four ports: MediaRelayPortRangeMax at least {least}"
        yield ("mediaRelayPortRangeMax", "mediaRelayPortRangeMin"), expected
    if settings.mediaRelayPortRangeMin <= settings.udpTcpPort <= settings.mediaRelayPortRangeMax:
        yield ("udpTcpPort", "mediaRelayPortRangeMin", "mediaRelayPortRangeMax"), "a port outside those of media"
    if settings.tlsPort == settings.udpTcpPort != 0:
        yield ("tlsPort", "udpTcpPort"), "another port than that of SIP over TCP (UDPTCPPort and TLSPort)"
    if settings.httpIsOpen:
        yield ("httpAddress", "httpPort"), "an address of the loopback, or HTTPUsers or HTTPToken has to be set"
    if settings.httpPort and settings.httpPort in (settings.udpTcpPort, settings.tlsPort):
        yield ("httpPort",), "another port than those of SIP (UDPTCPPort and TLSPort)"
    if not settings.voicemailOutput and any(rule.target == VOICEMAIL for rule in settings.forwardRule):
        yield ("forwardRule", "voicemailOutput"), f"another target than {VOICEMAIL}, or VoicemailOutput has to be set"
    families = [":" in address for address in settings.advertisedAddress]
    if len(set(families)) != len(families):
        yield ("advertisedAddress",), "at most one address of IPv4 and one of IPv6"


_OTHER_PORTS = {
    5222: "clients",
    5223: "clients",
    5269: "other XMPP servers",
    5270: "other XMPP servers",
    5280: "HTTP",
    5281: "HTTP",
}


def _doubts(settings: Settings) -> Iterator[str]:
    """What is possible, but hardly meant."""
    if 0 in settings.codecIdFilterList:
        yield "CodecIdFilterList: without 0 (PCMU) no call with iChat can have sound"
    if settings.jabberComponentPort in _OTHER_PORTS:
        others = _OTHER_PORTS[settings.jabberComponentPort]
        yield (
            f"JabberComponentPort: {settings.jabberComponentPort} is usually the port for {others}; components have"
            " another one, mostly 5347 or 5275"
        )
    own = f"@{settings.jabberComponentName}".lower()
    for _, output in settings.translationRules:
        if output.lower().startswith("xmpp:") and output.lower().endswith(own):
            yield f"TranslationOutput = {output}: that is the gateway itself, and no user"
        unknown = _unknownTrunks(settings, output)
        if unknown:
            yield f"TranslationOutput = {output}: there is no trunk {unknown[0]}"
    for rule in settings.forwardRule:
        unknown = _unknownTrunks(settings, rule.target)
        if unknown:
            yield f"ForwardRule = {rule}: there is no trunk {unknown[0]}"
    if not settings.translationRules and not settings.phoneBook:
        yield "TranslationPattern: there are no translation rules, so every call will be refused"


def _unknownTrunks(settings: Settings, output: str) -> list[str]:
    """The names in a list of trunks in the output of a rule that are none."""
    names = Address(output).names
    known = {trunk.name for trunk in settings.trunks}
    return [name[:40] for name in names if name not in known] if len(names) > 1 else []


def _about(attribute: Attribute[Any]) -> Iterator[Setting]:
    """The settings behind an attribute, with what only the finished class knows."""
    for setting in attribute.metadata["about"]:
        default = setting.default
        if not default and not setting.group and attribute.default not in (NOTHING, None, "", ()):
            default = setting.kind.show(attribute.default)
        yield evolve(setting, attribute=attribute.name, default=default)


TABLE: tuple[Setting, ...] = tuple(setting for attribute in fields(Settings) for setting in _about(attribute))


def main(arguments: list[str]) -> int:
    """Write what is made from the table."""
    writers = {"sample": document.sample, "rst": document.rst}
    if len(arguments) != 1 or arguments[0] not in writers:
        sys.stderr.write("Usage: python -m ichatgw.config.settings sample|rst\n")
        return 2
    sys.stdout.write(writers[arguments[0]](TABLE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
