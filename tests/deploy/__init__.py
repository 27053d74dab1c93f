"""The chart, the image, compose and Tilt: what can be known of them without a cluster."""
