"""Quix Streams: the only folder that uses its private names.

Importing anything from here checks first that the installed release is the pinned one.
"""

from streamer.quix.version import check_installed

check_installed()
