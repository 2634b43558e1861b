"""
What C{ichatgw check} tries before the gateway runs, or beside it: a module for each subject.
"""
