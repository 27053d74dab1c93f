"""The chart, the image, compose and Tilt: all that can be checked without a cluster."""
