"""Every setting once, by subject; L{ichatgw.config} puts them together."""
