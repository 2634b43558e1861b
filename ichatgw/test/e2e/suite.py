# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
All end-to-end tests, for C{python -m twisted.trial ichatgw.test.e2e.suite}.
"""

from __future__ import annotations

from ichatgw.test.e2e.accounts.carriers import Carriers
from ichatgw.test.e2e.accounts.forwarding import Asleep, Forwarded
from ichatgw.test.e2e.accounts.jinglesettings import JingleProgram, JingleRegistered, JingleSettings
from ichatgw.test.e2e.accounts.nat import BehindNAT
from ichatgw.test.e2e.accounts.phonebook import PhoneBook
from ichatgw.test.e2e.accounts.registrars import AtRegistrar
from ichatgw.test.e2e.accounts.selfservice import SelfService
from ichatgw.test.e2e.accounts.texts import Texts
from ichatgw.test.e2e.accounts.trunks import Trunks
from ichatgw.test.e2e.calls.answered import IChatCallsPhone, PhoneCallsIChat
from ichatgw.test.e2e.calls.direct import DirectMedia
from ichatgw.test.e2e.calls.encryption import EncryptedAtBothEnds, EncryptedByLinphone, EncryptedMedia
from ichatgw.test.e2e.calls.failures import IChatIsTold, PhoneIsTold
from ichatgw.test.e2e.calls.families import BothFamilies
from ichatgw.test.e2e.calls.jingle import JingleCallsPhone, PhoneCallsJingle
from ichatgw.test.e2e.calls.jinglecalls import JingleAndIChat, JingleEndings, JingleMidCall
from ichatgw.test.e2e.calls.laws import OtherLaw, OtherLawEncrypted
from ichatgw.test.e2e.calls.midcall import BetweenPhoneAndIChat, BetweenPhones, Refreshed
from ichatgw.test.e2e.calls.otherserver import OnEjabberd
from ichatgw.test.e2e.calls.phoneice import PhoneICE
from ichatgw.test.e2e.calls.streams import OverTCP, OverTLS
from ichatgw.test.e2e.calls.transfers import Transfers
from ichatgw.test.e2e.calls.variants import Variants
from ichatgw.test.e2e.hostile import Hostile
from ichatgw.test.e2e.intruder import StrangersToMedia
from ichatgw.test.e2e.service.agreement import Agreed
from ichatgw.test.e2e.service.checked import Checked
from ichatgw.test.e2e.service.closedsockets import ClosedSockets
from ichatgw.test.e2e.service.crowd import Crowd
from ichatgw.test.e2e.service.faults import Callers, CutConnections, CutSecure, NameServers, NextTarget, Vanished
from ichatgw.test.e2e.service.killed import KilledInCalls
from ichatgw.test.e2e.service.operation import Commanded, Dispatched, Notified
from ichatgw.test.e2e.service.running import Reactors, Restarts
from ichatgw.test.e2e.service.store import Killed, KilledGateway
from ichatgw.test.e2e.service.webpage import WebPage
from ichatgw.test.e2e.strangers import Strangers

__all__ = [
    "Agreed",
    "Asleep",
    "AtRegistrar",
    "BehindNAT",
    "BothFamilies",
    "Callers",
    "Carriers",
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
