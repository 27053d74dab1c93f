"""Run `retail-datagen` as ``python -m data_gen``."""

import sys

from data_gen.cli import main

sys.exit(main())
