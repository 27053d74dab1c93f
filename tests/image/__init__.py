"""The image, built by podman from the Dockerfile as it stands, and run as the chart runs it.

A base of Debian's own packages stands in for Python's official image, where that is not on this machine. It
takes minutes to make; therefore these tests run only if you ask for them: `make image-test`.
"""
