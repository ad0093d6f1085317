import os

from flows.control.checkout import ROOT, enter_checkout


def test_a_flow_runs_in_the_checkout_that_holds_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert enter_checkout() == {"directory": str(ROOT)} and os.getcwd() == str(ROOT)
    assert (ROOT / "prefect.yaml").is_file()
