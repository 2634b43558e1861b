"""
What administrators see and order over HTTP: health, metrics, a JSON API, and a page.
"""
