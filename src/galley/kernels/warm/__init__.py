"""Warm kernels: forked in milliseconds from a process that has an environment's libraries imported already.

    the task: provisioner ─▶ client ──socket──▶ server (one for an identity) ──fork──▶ kernel: launch

Where anything about it fails, the task gets a kernel that is started as any other.
"""
