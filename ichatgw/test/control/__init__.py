"""Tests for L{ichatgw.control}."""
