"""
How Sphinx builds the pages: C{make docs}.  Nothing is fetched, and a warning is an error.
"""

project = "ichatgw"
author = "the ichatgw developers"
project_copyright = f"2026, {author}"

extensions: list[str] = []
nitpicky = True

html_theme = "furo"
html_title = project
html_copy_source = False
