"""Where the shards of a data set are made: in threads of the run, or by the workers of a Dask or Ray cluster.

Either way a shard waits for a device (`tasks.runtime.devices.acquire_device`), a GPU or a core of the machine that it
is made on, for one task at a time. So a cluster needs no limit of its own; give each of its machines one or two workers
more than it has devices, for what is filtered and written meanwhile.
"""

from typing import Annotated, Any, Literal

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from pydantic import Field

from models.core.config import Config
from models.core.errors import MissingPackage

HOST = "127.0.0.1"


class ThreadsConfig(Config):
    """Threads of the run itself."""

    kind: Literal["threads"] = "threads"
    workers: int = Field(default=2, ge=1, description="shards in the making at once")

    def build(self) -> TaskRunner[Any]:
        """One may be cut out while another is drawn."""
        return ThreadPoolTaskRunner(max_workers=self.workers)


class DaskConfig(Config):
    """Processes of a Dask cluster; its machines share the data root and this checkout."""

    kind: Literal["dask"] = "dask"
    address: str | None = Field(default=None, description="of a running scheduler; off: a cluster of this machine")
    workers: int = Field(default=2, ge=1, description="processes of a cluster of this machine")

    def build(self) -> TaskRunner[Any]:
        """Raises MissingPackage without prefect-dask."""
        try:
            from prefect_dask.task_runners import DaskTaskRunner
        except ImportError as error:
            raise MissingPackage("the runner needs prefect-dask: pip install -e '.[dask]'") from error
        if self.address:
            return DaskTaskRunner(address=self.address)
        local = {"n_workers": self.workers, "threads_per_worker": 1, "host": HOST, "dashboard_address": f"{HOST}:0"}
        return DaskTaskRunner(cluster_kwargs=local)


class RayConfig(Config):
    """Processes of a Ray cluster; its machines share the data root and this checkout."""

    kind: Literal["ray"] = "ray"
    address: str | None = Field(
        default=None, description="of a running cluster, as ray://head:10001; off: a cluster of this machine"
    )
    workers: int = Field(default=2, ge=1, description="processes of a cluster of this machine")

    def build(self) -> TaskRunner[Any]:
        """Raises MissingPackage without prefect-ray."""
        try:
            # An optional extra, which the checked environment does not have.
            from prefect_ray.task_runners import RayTaskRunner  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise MissingPackage("the runner needs prefect-ray: pip install -e '.[ray]'") from error
        if self.address:
            return RayTaskRunner(address=self.address)
        # One CPU of Ray's is one task at a time; its dashboard would tell its makers of the cluster.
        return RayTaskRunner(init_kwargs={"num_cpus": self.workers, "include_dashboard": False})


Runner = Annotated[ThreadsConfig | DaskConfig | RayConfig, Field(discriminator="kind")]
