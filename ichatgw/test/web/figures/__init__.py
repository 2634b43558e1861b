"""Tests for L{ichatgw.web.figures}."""
