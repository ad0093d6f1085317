from tasks.runtime.reuse import reuse


def test_the_ui_sees_reused_and_the_next_task_the_product():
    state = reuse(3, "it is there")
    assert (state.name, state.is_completed(), state.data) == ("Reused", True, 3)
