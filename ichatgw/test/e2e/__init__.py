"""
The gateway, as installed, between programs of other people: Prosody, ejabberd, Kamailio, sipp and baresip.

C{python -m twisted.trial ichatgw.test.e2e.suite} runs it; C{trial ichatgw} does not.
"""
