"""Content compressed with Zstandard, as a file."""

import io
from typing import Any, BinaryIO, Final

from retail_anomaly.core.extras import require

_PART: Final = 128 * 1024


class ZstdContent(io.RawIOBase):
    """The decompressed content, one frame after the other.

    The reader that comes with `zstandard` takes a file that is cut off for a whole one.

    Parameters
    ----------
    stored
        The compressed file.
    """

    def __init__(self, stored: BinaryIO) -> None:
        require("zstandard")
        import zstandard  # Here: only the extra `zstd` installs it.

        self._new = zstandard.ZstdDecompressor().decompressobj
        self._stored = stored
        self._frame = self._new()
        self._in_frame = False
        self._ready = b""

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill a buffer; return 0 at the end.

        Raises
        ------
        EOFError
            The file ends in the middle of a frame.
        """
        room = memoryview(target).cast("B")
        while not self._ready:
            part = self._stored.read(_PART)
            if not part:
                if self._in_frame:
                    raise EOFError("the file ends in the middle")
                return 0
            self._ready = self._decompressed(part)
        taken = self._ready[: len(room)]
        room[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def _decompressed(self, part: bytes) -> bytes:
        found = []
        while part:
            found.append(self._frame.decompress(part))
            self._in_frame = not self._frame.eof
            part = b""
            if self._frame.eof:
                part = self._frame.unused_data
                self._frame = self._new()
        return b"".join(found)
