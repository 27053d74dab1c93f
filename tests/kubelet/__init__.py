"""The chart on a real node: a kubelet with containerd runs the image's containers.

It needs root, and changes nothing on this machine for longer than it runs. Therefore these tests run only if
you ask for them: `make kubelet-test`.
"""
