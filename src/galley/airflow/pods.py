"""Pods: what a task's pod may use, where Airflow's KubernetesExecutor gives each task one of its own."""

from collections.abc import Callable, Mapping
from typing import Any

from galley.airflow.compat import conf

EXECUTOR = "KubernetesExecutor"
_POD = "pod_override"


def executor_config(
    given: Mapping[str, Any] | None, limits: Mapping[str, Any], declared: Callable[[], Mapping[str, Any]]
) -> dict[str, Any]:
    """A task's executor_config, with a pod that has those limits (see galley.project.Limits); what is given wins.

    `declared` are the limits of its kernel, over which its own win. Without limits, without that executor, or without
    the client of Kubernetes it stays as it is given. The executor is looked up first, for the rest takes its time.
    """
    config = dict(given or {})
    # Under the executor's own name an older form may be given, which Airflow does not take beside this one.
    if EXECUTOR in config or EXECUTOR not in (conf.get("core", "executor") or ""):
        return config
    resources = _resources({**declared(), **limits})
    if not resources:
        return config
    try:
        from kubernetes.client import models as k8s
    except ImportError:
        return config
    # Both, so that a node has set aside what the task may use; of GPUs Kubernetes takes nothing else.
    asked = k8s.V1ResourceRequirements(requests=dict(resources), limits=dict(resources))
    pod = k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", resources=asked)]))
    if config.get(_POD) is not None:
        from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

        pod = PodGenerator.reconcile_pods(pod, config[_POD])
    return {**config, _POD: pod}


def _resources(limits: Mapping[str, Any]) -> dict[str, str]:
    """Limits as Kubernetes writes them: an engine's 4g is 4Gi there. Shared memory is none of its resources."""
    resources = {}
    if "memory" in limits:
        resources["memory"] = f"{limits['memory'][:-1]}{limits['memory'][-1].upper()}i"
    if "cpus" in limits:
        resources["cpu"] = f"{round(limits['cpus'] * 1000)}m"
    if "gpus" in limits:
        resources["nvidia.com/gpu"] = str(limits["gpus"])
    return resources
