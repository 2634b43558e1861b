"""Tests for L{ichatgw.observe}."""
