"""The chart in a real control plane: apiserver, controllers and scheduler of Kubernetes, and no nodes.

The programs are built from Kubernetes' Go modules, which takes eight to twelve minutes of CPU the first
time. Therefore these tests run only if you ask for them: `make cluster-test`.
"""
