"""
Calls to users that lead on to another place: always, when the user is busy, does not answer, or is offline.
"""
