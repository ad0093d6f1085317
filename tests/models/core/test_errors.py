import inspect
import re

from models.core import errors


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    classes = {name for name, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__}
    assert classes == set(re.findall(r"^ *(?:\+-- )?([A-Z]\w+)(?:  |$)", errors.__doc__, re.MULTILINE))


def test_all_share_one_root_that_is_not_a_callers_fault():
    for _, each in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(each, errors.Farm3dError)
        assert not issubclass(each, ValueError)
