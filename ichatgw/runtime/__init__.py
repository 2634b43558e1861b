"""
The process: turns of the reactor, time, memory, the disk and the collector.
"""
