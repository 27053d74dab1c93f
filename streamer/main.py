"""The entry point that `app.yaml` names: what the Quix CLI and Quix Cloud start."""

import sys

from streamer.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
