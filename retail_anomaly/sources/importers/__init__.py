"""Exports of tills as events: DSFinV-K, which German tills must be able to write, and ARTS POSLog.

An importer maps what the format says and nothing else. Each returns an `ImportReport`: the events by kind,
and the rows and elements that could not be mapped, by path and count.
"""
