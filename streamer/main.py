"""The entry point in `app.yaml`: the Quix CLI and Quix Cloud start this file."""

import sys

from streamer.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
