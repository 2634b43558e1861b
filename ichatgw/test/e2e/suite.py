# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
All end-to-end tests, for C{python -m twisted.trial ichatgw.test.e2e.suite}.
"""

from __future__ import annotations

from ichatgw.test.e2e.calls import IChatCallsPhone, PhoneCallsIChat
from ichatgw.test.e2e.checked import Checked
from ichatgw.test.e2e.closedsockets import ClosedSockets
from ichatgw.test.e2e.crowd import Crowd
from ichatgw.test.e2e.direct import DirectMedia
from ichatgw.test.e2e.encryption import EncryptedAtBothEnds, EncryptedByLinphone, EncryptedMedia
from ichatgw.test.e2e.failures import IChatIsTold, PhoneIsTold
from ichatgw.test.e2e.families import BothFamilies
from ichatgw.test.e2e.faults import Callers, CutConnections, CutSecure, NameServers, NextTarget, Vanished
from ichatgw.test.e2e.forwarding import Asleep, Forwarded
from ichatgw.test.e2e.hostile import Hostile
from ichatgw.test.e2e.intruder import StrangersToMedia
from ichatgw.test.e2e.jingle import JingleCallsPhone, PhoneCallsJingle
from ichatgw.test.e2e.jinglecalls import JingleAndIChat, JingleEndings, JingleMidCall
from ichatgw.test.e2e.jinglesettings import JingleProgram, JingleRegistered, JingleSettings
from ichatgw.test.e2e.killed import KilledInCalls
from ichatgw.test.e2e.laws import OtherLaw, OtherLawEncrypted
from ichatgw.test.e2e.midcall import BetweenPhoneAndIChat, BetweenPhones, Refreshed
from ichatgw.test.e2e.nat import BehindNAT
from ichatgw.test.e2e.operation import Commanded, Dispatched, Notified
from ichatgw.test.e2e.otherserver import OnEjabberd
from ichatgw.test.e2e.phonebook import PhoneBook
from ichatgw.test.e2e.phoneice import PhoneICE
from ichatgw.test.e2e.registrars import AtRegistrar
from ichatgw.test.e2e.running import Reactors, Restarts
from ichatgw.test.e2e.selfservice import SelfService
from ichatgw.test.e2e.store import Killed, KilledGateway
from ichatgw.test.e2e.strangers import Strangers
from ichatgw.test.e2e.streams import OverTCP, OverTLS
from ichatgw.test.e2e.texts import Texts
from ichatgw.test.e2e.transfers import Transfers
from ichatgw.test.e2e.trunks import Trunks
from ichatgw.test.e2e.variants import Variants
from ichatgw.test.e2e.webpage import WebPage

__all__ = [
    "Asleep",
    "AtRegistrar",
    "BehindNAT",
    "BothFamilies",
    "Callers",
    "Checked",
    "ClosedSockets",
    "DirectMedia",
    "Commanded",
    "Crowd",
    "Dispatched",
    "CutConnections",
    "CutSecure",
    "EncryptedAtBothEnds",
    "EncryptedByLinphone",
    "EncryptedMedia",
    "BetweenPhoneAndIChat",
    "BetweenPhones",
    "Forwarded",
    "Hostile",
    "IChatCallsPhone",
    "IChatIsTold",
    "JingleAndIChat",
    "JingleCallsPhone",
    "JingleEndings",
    "JingleMidCall",
    "JingleProgram",
    "JingleRegistered",
    "JingleSettings",
    "Killed",
    "KilledGateway",
    "KilledInCalls",
    "NameServers",
    "NextTarget",
    "Notified",
    "OnEjabberd",
    "OtherLaw",
    "OtherLawEncrypted",
    "OverTCP",
    "OverTLS",
    "PhoneBook",
    "PhoneCallsIChat",
    "PhoneCallsJingle",
    "PhoneICE",
    "PhoneIsTold",
    "Reactors",
    "Refreshed",
    "Restarts",
    "SelfService",
    "Strangers",
    "StrangersToMedia",
    "Texts",
    "Transfers",
    "Trunks",
    "Vanished",
    "Variants",
    "WebPage",
]
