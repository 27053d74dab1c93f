"""`python -m streamer.cli` is `retail-streamer`."""

import sys

from streamer.cli.commands import main

sys.exit(main())
