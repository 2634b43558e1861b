# -*- python -*-
"""
The gateway as a C{.tac} deployment: C{twistd -ny ichatgw.tac}.

It reads C{ichat-gw.config} in the current directory, or the file that the environment variable C{ICHATGW_CONFIG} names.
"""

import os
from functools import partial

from twisted.application.service import Application
from twisted.internet import reactor
from twisted.logger import ILogObserver, Logger

from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.log.logfile import observer
from ichatgw.options import again
from ichatgw.tap import gateway, ordered, reloading

path = os.path.abspath(os.environ.get("ICHATGW_CONFIG", "ichat-gw.config"))
try:
    settings, warnings = Settings.load(path, [], os.environ)
    service = gateway(reactor, settings)
except ConfigError as problem:
    raise SystemExit(f"ichatgw: {problem}") from None

log = observer(settings.logLevel, settings.logFilename, settings.logFileMaxLines)
reloading(reactor, service, settings, partial(again, path, [], os.environ), log)
try:
    ordered(reactor, service, settings, log)
except ConfigError as problem:
    raise SystemExit(f"ichatgw: {problem}") from None
application = Application("ichatgw")
application.setComponent(ILogObserver, log)
service.setServiceParent(application)
for warning in warnings:
    Logger("ichatgw.tap").warn("{text}", text=warning)
