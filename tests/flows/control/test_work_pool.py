from types import SimpleNamespace

from prefect.workers.process import ProcessWorker

from flows.control.work_pool import POOL, make_work_pool, without_command


class Server:
    """One that has these pools."""

    def __init__(self, **templates):
        self.pools = [SimpleNamespace(name=name, base_job_template=template) for name, template in templates.items()]
        self.created, self.updated = [], []

    def read_work_pools(self):
        return self.pools

    def create_work_pool(self, pool):
        self.created.append(pool)

    def update_work_pool(self, name, pool):
        self.updated.append((name, pool.base_job_template))


def names(template):
    return {*template["job_configuration"], *template["variables"]["properties"]}


def test_a_new_pool_has_no_free_command():
    server = Server()
    make_work_pool(server)
    (pool,) = server.created
    assert pool.name == POOL and pool.type == "process"
    assert "env" in names(pool.base_job_template)
    assert not {"command", "working_dir"} & names(pool.base_job_template)


def test_a_pool_that_has_one_loses_it_and_keeps_the_rest():
    template = ProcessWorker.get_default_base_job_template()
    assert "command" in names(template)
    template["variables"]["properties"]["memory"] = {"type": "integer"}
    server = Server(farm3d=template)
    make_work_pool(server)
    ((name, safe),) = server.updated
    assert name == POOL and server.created == []
    assert names(safe) == names(template) - {"command", "working_dir"} and "memory" in names(safe)


def test_a_safe_pool_is_left_as_it_is():
    server = Server(farm3d=without_command(ProcessWorker.get_default_base_job_template()))
    make_work_pool(server)
    assert server.created == server.updated == []
