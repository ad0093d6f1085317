import pytest
from pydantic import ValidationError

from models.core.config import Config


class Inner(Config):
    steps: int = 3


class Outer(Config):
    inner: Inner = Inner()


def test_a_misspelt_key_is_named_with_its_path():
    with pytest.raises(ValidationError, match=r"inner\.stesp\n  Extra inputs are not permitted"):
        Outer.model_validate({"inner": {"stesp": 4}})


def test_it_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Inner().steps = 4


def test_equal_configs_have_equal_hashes():
    assert len({Outer(), Outer(inner=Inner(steps=3)), Outer(inner=Inner(steps=4))}) == 2


def test_a_form_names_knobs_and_parts_by_their_words():
    class PolarBearConfig(Config):
        main_part: Inner = Inner()

    schema = PolarBearConfig.model_json_schema()
    assert schema["title"] == "Polar Bear" and schema["properties"]["main_part"]["title"] == "main part"
