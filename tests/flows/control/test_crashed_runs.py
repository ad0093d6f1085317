from types import SimpleNamespace
from uuid import UUID

from flows.control import crashed_runs
from flows.control.crashed_runs import crash_run, unfinished_runs


class Server:
    """Flow runs by their parents, task runs by their flow run; numbers for ids."""

    def __init__(self, children=None, tasks=None, unfinished=()):
        self.children, self.tasks, self.unfinished = children or {}, tasks or {}, unfinished
        self.flows_crashed, self.tasks_crashed = [], []

    def read_flow_runs(self, flow_run_filter, limit, offset):
        assert {"RUNNING", "PENDING", "CANCELLING"} == {state.value for state in flow_run_filter.state.type.any_}
        parents = flow_run_filter.parent_flow_run_id
        runs = self.children.get(parents.any_[0].int, []) if parents else self.unfinished
        return [SimpleNamespace(id=UUID(int=run)) for run in runs][offset : offset + limit]

    def read_task_runs(self, flow_run_filter, task_run_filter, limit, offset):
        runs = self.tasks.get(flow_run_filter.id.any_[0].int, [])
        return [SimpleNamespace(id=UUID(int=run)) for run in runs][offset : offset + limit]

    def set_flow_run_state(self, run, state):
        assert state.is_crashed() and state.message == "gone"
        self.flows_crashed.append(run.int)

    def set_task_run_state(self, run, state, force):
        assert state.is_crashed() and force
        self.tasks_crashed.append(run.int)


def test_a_crashed_run_takes_its_tasks_and_sub_flows_with_it():
    server = Server(children={1: [2], 2: [3]}, tasks={1: [11, 12], 3: [31]})
    crash_run(server, UUID(int=1), "gone")
    assert server.flows_crashed == [1, 2, 3] and server.tasks_crashed == [11, 12, 31]


def test_no_run_is_overlooked_where_there_are_many(monkeypatch):
    monkeypatch.setattr(crashed_runs, "PAGE", 2)
    for count in (0, 1, 2, 5):
        assert [run.id.int for run in unfinished_runs(Server(unfinished=range(count)))] == list(range(count))
