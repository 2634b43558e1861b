"""Every setting once, by subject; L{ichatgw.config.settings} puts them together."""
