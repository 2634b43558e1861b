# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
C{python -m ichatgw.sim}: run a simulated iChat against a real server, a simulated phone, or the small router.
"""

from __future__ import annotations

import sys

from ichatgw.sim.commands import main

if __name__ == "__main__":
    main(sys.argv[1:])
