"""`python -m streamer.cli` is `retail-streamer`."""

import sys

from streamer.cli import main

sys.exit(main())
