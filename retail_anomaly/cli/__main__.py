"""`python -m retail_anomaly.cli` is `retail-anomaly`."""

import sys

from retail_anomaly.cli import main

sys.exit(main())
