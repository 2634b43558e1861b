# -*- test-case-name: ichatgw.test.sip.sippylib.test_selfcheck -*-
"""
Checks that the installed version of sippy fits.

The gateway replaces parts of sippy that are no public interface, and may differ in any other version.  So the versions
that the tests have been run with are named, and what is replaced is compared with what it was there.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from inspect import getsource, signature

from ichatgw.errors import ConfigError
from ichatgw.sip.sippylib.clock import dispatcher

KNOWN = ("2.5.0",)
"""The versions that are known to fit."""

PARAMETERS = {
    "CCEvents.CCEventGeneric.__init__": "self data rtime origin",
    "CCEvents.CCEventTry.onUacSetupComplete": "self uac",
    "MsgBody.MsgBody.getCopy": "self",
    "MsgBody.MsgBody.localStr": "self local_addr",
    "SipAddress.SipAddress.getCopy": "self",
    "SipAddressHF.SipAddressHF.parse": "self",
    "SipHeader.SipHeader.__init__": "self s name body bodys fixname",
    "SipHeader.SipHeader.getCopy": "self",
    "SipHeader.SipHeader.localStr": "self local_addr compact",
    "SipMsg.SipMsg.__init__": "self buf",
    "SipMsg.SipMsg.getCopy": "self",
    "SipMsg.SipMsg.getHFBCopy": "self name idx",
    "SipMsg.SipMsg.getHFBody": "self name idx",
    "SipMsg.SipMsg.getTId": "self wCSM wBRN wTTG",
    "SipMsg.SipMsg.getTIds": "self",
    "SipRequest.SipRequest.genResponse": "self scode reason body server ext_reason",
    "SipTransactionManager.SipTMRetransmitO.__init__": "self userv data address call_id lossemul",
    "SipTransactionManager.SipTransactionManager.__init__": "self global_config req_cb",
    "SipTransactionManager.SipTransactionManager.cancelTransaction": "self t extra_headers",
    "SipTransactionManager.SipTransactionManager.doCancel": "self t rtime req",
    "SipTransactionManager.SipTransactionManager.incomingRequest": "self msg checksum tids server",
    "SipTransactionManager.SipTransactionManager.incomingResponse": "self msg t checksum",
    "SipTransactionManager.SipTransactionManager.newTransaction": (
        "self msg resp_cb laddress userv cb_ifver compact t"
    ),
    "SipTransactionManager.SipTransactionManager.rCachePurge": "self",
    "SipTransactionManager.SipTransactionManager.regConsumer": "self consumer call_id compact",
    "SipTransactionManager.SipTransactionManager.sendResponse": "self resp t retrans ack_cb lossemul",
    "SipTransactionManager.SipTransactionManager.shutdown": "self",
    "SipTransactionManager.SipTransactionManager.timerA": "self t",
    "SipTransactionManager.SipTransactionManager.transmitData": "self userv data address cachesum lossemul",
    "SipTransactionManager.SipTransactionManager.transmitMsg": "self userv msg address cachesum compact",
    "SipTransactionManager.SipTransactionManager.unregConsumer": "self consumer call_id",
    "SipVia.SipVia.getCopy": "self",
    "Time.MonoTime.MonoTime.__init__": "self s monot realt trust_realt",
    "Time.Timeout.Timeout": "timeout_cb ival nticks *cb_params",
    "UA.UA.__init__": (
        "self global_config event_cb username password nh_address credit_time conn_cbs disc_cbs fail_cbs ring_cbs "
        "dead_cbs ltag extra_headers expire_time no_progress_time nh_transport"
    ),
    "UA.UA.changeState": "self newstate",
    "UA.UA.cleanup": "self",
    "UA.UA.emitPendingEvents": "self",
    "UA.UA.genRequest": "self method body cqop extra_headers max_forwards",
    "UA.UA.isYours": "self req call_id from_tag to_tag",
    "UA.UA.newTransaction": "self req req_extra_headers **kwa",
    "UA.UA.processChallenge": "self resp cseq ch_hfname auth_hfname extra_headers",
    "UA.UA.recvEvent": "self event",
    "UA.UA.recvRequest": "self req sip_t",
    "UA.UA.recvResponse": "self resp tr",
    "UA.UA.sendUasResponse": "self scode reason body contacts extra_headers ack_wait",
    "UaStateConnected.UaStateConnected.onStateChange": "self newstate",
    "UaStateGeneric.UaStateGeneric.onStateChange": "self newstate",
    "UacStateCancelling.UacStateCancelling.__init__": "self ua",
    "UacStateCancelling.UacStateCancelling.goIdle": "self",
}
"""What is replaced or called of sippy's inside, by module and name, with its parameters."""

ATTRIBUTES = {
    "SipTransactionManager.SipTransaction": "tout tid address data checksum cb_ifver uack compact",
    "SipTransactionManager.SipTransactionManager": (
        "global_config l4r tclient tserver req_cb l1rcache l2rcache req_consumers cp_timer nat_traversal"
    ),
    "SipConf.SipConf": "autoconvert_tel_url",
    "SipURL.SipURL": (
        "scheme username userparams password host port headers usertype transport ttl maddr method tag other lr"
    ),
    "UA.UA": (
        "UasStateTrying UaStateConnected UacStateCancelling rAddr godead_timeout global_config local_ua state lTag "
        "lUri rUri lContact rTarget routes cId lCSeq lSDP rSDP uasResp reqs tr equeue"
    ),
    "UasStateRinging.UasStateRinging": "recv_request_handlers",
    "UaStateConnected.UaStateConnected": "_recvRequestBye",
}
"""Attributes of sippy's classes that are read or set."""


PATCHED = {
    "Core.Exceptions.dump_exception": "msg f extra",
    "SipGenericHF.SipGenericHF.getCanName": "self name compact",
    "SipURL.SipURL.__init__": (
        "self url username password host port headers usertype transport ttl maddr method tag other userparams lr "
        "relaxedparser scheme"
    ),
    "SipURL.SipURL.getCopy": "self",
    "SipURL.SipURL.localStr": "self local_addr",
}
"""
What is patched in sippy itself, by module and name, with its parameters.  As the patches stand in its place by now, it
is looked up in the text of the module.
"""

USED = {"SipURL": "quote unquote", "SipHeader": "hf_types"}
"""Names in the text of modules that are patched there: a patch of what is not used would mend nothing."""


def installed() -> str:
    """The version that is installed; empty if that cannot be told."""
    try:
        return version("sippy")
    except PackageNotFoundError:
        return ""


def differences() -> list[str]:
    """What is not as it was, in words."""
    found = []
    for path, parameters in PARAMETERS.items():
        thing = _find(path)
        if thing is None:
            found.append(f"{path} is gone")
        elif (now := _parametersOf(thing)) != parameters:
            found.append(f"{path} takes {now!r}, not {parameters!r}")
    for path, names in ATTRIBUTES.items():
        thing = _find(path)
        if thing is None:
            found.append(f"{path} is gone")
        else:
            found += [f"{path} has no {name}" for name in names.split() if not hasattr(thing, name)]
    for path, parameters in PATCHED.items():
        if (now := _written(path)) != parameters:
            found.append(f"{path} takes {now!r}, not {parameters!r}" if now else f"{path} is gone")
    for path, names in USED.items():
        found += [f"{path} does not use {name}" for name in names.split() if name not in _used(path)]
    loops = [name for name, module in sys.modules.items() if name.startswith("sippy.") and hasattr(module, "ED2")]
    found += [f"{name} has an event loop of its own" for name in loops if sys.modules[name].ED2 is not dispatcher]
    return found


def check(version: str | None = None) -> str:
    """
    @param version: that of sippy; C{None} for the one that is installed.
    @return: a warning for the log; empty if there is no need for one.
    @raise ConfigError: if sippy cannot be used.
    """
    version = installed() if version is None else version
    found = differences()
    words = f"sippy {version or 'of an unknown version'}"
    if found:
        raise ConfigError(f"{words} does not fit, install sippy {' or '.join(KNOWN)}: {'; '.join(found[:5])}")
    if version in KNOWN:
        return ""
    return f"{words} is not known to fit, though what is replaced of it looks the same; known is {', '.join(KNOWN)}"


def _find(path: str) -> object:
    """A thing by its path below C{sippy}: modules, then names in them; C{None} if it is not there."""
    names = path.split(".")
    for count in range(len(names) - 1, 0, -1):
        try:
            thing: object = import_module(".".join(["sippy", *names[:count]]))
        except ImportError:
            continue
        for name in names[count:]:
            thing = getattr(thing, name, None)
        return thing
    return None


def _text(module: str) -> ast.Module:
    """The text of a module by its path below C{sippy}; empty if it cannot be had."""
    try:
        return ast.parse(getsource(import_module(f"sippy.{module}")))
    except (ImportError, OSError, TypeError, SyntaxError):
        return ast.Module([], [])


@cache
def _used(module: str) -> frozenset[str]:
    """The names that the text of a module uses."""
    return frozenset(node.id for node in ast.walk(_text(module)) if isinstance(node, ast.Name))


@cache
def _written(path: str) -> str:
    """The parameters of a function as the text of its module has them; empty if it is not there."""
    module, *names = path.split(".")
    if module == "Core":
        module = f"Core.{names.pop(0)}"
    scope: list[ast.stmt] = _text(module).body
    for name in names:
        found = [node for node in scope if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name]
        if not found:
            return ""
        if isinstance(found[-1], ast.FunctionDef):
            arguments = found[-1].args
            return " ".join(each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))
        scope = found[-1].body
    return ""


def _parametersOf(thing: object) -> str:
    try:
        return " ".join(str(each).partition("=")[0] for each in signature(thing).parameters.values())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "nothing"
