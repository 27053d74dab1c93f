"""Draw the pictures of the README: ``make pictures``, with a Chromium on the machine.

The same code draws the same pictures: the data is simulated, the seeds are here.
"""

import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from PIL import Image

from retail_anomaly import plots
from tests.support.browser import Browser, find_browser
from tests.support.figures import ZONE, Month

FOLDER = Path(__file__).parent / "images"
WIDTH = 1120
SCALE = 1.5  # real pixels for each of the page's: sharp on most screens
COLOURS = 192  # enough for text and flat areas; a quarter of the bytes


def demo(browser: Browser, folder: Path) -> Image.Image:
    """Return the first screen of the page that `make demo` ends with."""
    command = [str(Path(sys.executable).with_name("retail-anomaly")), "demo", "--output", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _screen(browser, folder / "report.html", 800)


def outage(browser: Browser, folder: Path) -> Image.Image:
    """Return three days of a store's sales beside what is usual, with two outages of its tills."""
    month = Month(stores=2, seed=5, volumes=("medium", "large"), incident_rate=0.15)
    scores = month.replayed.scores
    if scores is None:
        raise RuntimeError("the replay kept no scores")
    days = scores["end"].between(pd.Timestamp("2025-03-26", tz=ZONE), pd.Timestamp("2025-03-29", tz=ZONE))
    sales = scores[days & (scores["detector"] == "sales_deviation")]
    return _one(browser, folder, plots.score_band(sales, "store-2", alerts=month.alerts, zones=ZONE))


def scorecard(browser: Browser, folder: Path) -> Image.Image:
    """Return how many incidents of each scenario were found in five weeks of eight stores."""
    month = Month(stores=8, seed=7, volumes=("medium", "small", "large"), incident_rate=0.1)
    return _one(browser, folder, plots.recall_by_scenario(month.card.by_scenario))


def _one(browser: Browser, folder: Path, drawing: go.Figure) -> Image.Image:
    """Return a figure alone, without a page around it."""
    page = folder / "figure.html"
    drawing.write_html(page, default_width="100%", config={"responsive": True, "displayModeBar": False})
    return _screen(browser, page, int(drawing.layout.height) + 16)


def _screen(browser: Browser, path: Path, height: int) -> Image.Image:
    with browser.open(path.resolve().as_uri(), width=WIDTH, height=height, scale=SCALE) as page:
        page.wait_for_figures(1)
        if page.errors:
            raise RuntimeError("\n".join(page.errors))
        return Image.open(BytesIO(page.png())).convert("RGB")


PICTURES = {"demo.png": demo, "outage.png": outage, "scorecard.png": scorecard}

if __name__ == "__main__":
    program = find_browser()
    if program is None:
        sys.exit("The pictures need a Chromium: apt install chromium")
    with tempfile.TemporaryDirectory() as name:
        chromium = Browser(program, Path(name))
        try:
            for picture, draw in PICTURES.items():
                place = Path(name) / picture.removesuffix(".png")
                place.mkdir()
                drawn = draw(chromium, place).quantize(COLOURS, dither=Image.Dither.NONE)
                drawn.save(FOLDER / picture, optimize=True)
                size = (FOLDER / picture).stat().st_size
                sys.stdout.write(f"{picture}: {drawn.width} x {drawn.height}, {size:,} bytes\n")
        finally:
            chromium.close()
