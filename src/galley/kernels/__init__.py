"""Kernels: kernelspecs, the client, and kernels that are forked with their imports done."""
