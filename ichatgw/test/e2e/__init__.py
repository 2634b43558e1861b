"""End-to-end tests against real servers and phones; not part of C{trial ichatgw}."""
