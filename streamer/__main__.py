"""`python -m streamer` is `retail-streamer run`."""

import sys

from streamer.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
