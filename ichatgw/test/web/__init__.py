"""Tests for L{ichatgw.web}."""
