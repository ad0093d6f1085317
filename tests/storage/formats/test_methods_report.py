"""The page of several methods shows what it is given, and nothing it is given can act."""

from storage.formats.methods_report import MethodsReport, methods_page
from storage.formats.report import Picture
from storage.runs.scores import Score

HOSTILE = "</script><script>alert(1)</script>"


def score(method: str, mean: float) -> Score:
    names = {"metric": "mask IoU", "unit": "%", "better": "higher", "protocol": "input view"}
    return Score.model_validate(names | {"method": method, "mean": mean, "spread": 1, "count": 3})


def page(**changes: object) -> str:
    parts = {
        "title": "cow",
        "summary": "two methods",
        "methods": ("echo", "farm3d"),
        "facts": [{"what": "mesh", "farm3d": "yes", "echo": "no"}],
        "costs": "of a core",
        "measured": "on animals",
        "table": [score("farm3d", 90), score("unit sphere", 60), score("echo", 70)],
        "strips": [Picture("photo 1", b"jpeg", "jpeg")],
        "runs": {"farm3d": "farm3d-01"},
    }
    return methods_page(MethodsReport(**(parts | changes)))


def test_facts_stand_below_the_methods_in_the_order_of_the_methods() -> None:
    text = page()
    assert '<th scope="row">mesh</th><td>no</td><td>yes</td>' in text
    order = [
        text.index(f'scope="col"{own}>{name}</th>') for name, own in (("echo", ' class="own"'), ("unit sphere", ""))
    ]
    assert order == sorted(order) and "data:image/jpeg" in text and "farm3d-01" in text
    assert "<script" not in text, "nothing is to be turned round"


def test_whatever_is_foreign_is_escaped() -> None:
    text = page(title=HOSTILE, left_out={HOSTILE: HOSTILE}, runs={HOSTILE: HOSTILE}, facts=[])
    assert HOSTILE not in text and "default-src 'none'" in text
