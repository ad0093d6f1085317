import pytest
from transformers import CLIPTokenizer

from models.core.category import VIEWS, Category
from models.embedded.teacher_training import WORDS
from models.embedded.vocabulary import LENGTH, write_vocabulary
from models.truth.barnyard import FARM
from models.truth.barnyard.actions import ACTIONS
from models.truth.barnyard.coat import COATS
from models.truth.barnyard.scene import PLACES


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    write_vocabulary(WORDS.split(), folder)
    return CLIPTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("word", WORDS.split())
def test_each_word_is_one_token(tokenizer, word):
    assert tokenizer.tokenize(word) == [f"{word}</w>"]


def test_every_caption_of_the_barnyard_is_made_of_known_words_and_fits(tokenizer):
    for name in FARM:
        category = Category(name=name, segment_as=(name,), coats=COATS[name])
        for coat in COATS[name]:
            for action in ACTIONS:
                for place in PLACES:
                    tokens = tokenizer.tokenize(category.prompt(VIEWS[0], coat=coat, action=action, place=place))
                    assert all(token.endswith("</w>") for token in tokens) and len(tokens) + 2 <= LENGTH


def test_other_words_fall_apart_and_come_back(tokenizer):
    tokens = tokenizer.tokenize("zébra!")
    assert len(tokens) > 2
    assert tokenizer.decode(tokenizer("zébra").input_ids, skip_special_tokens=True) == "zébra"


def test_the_end_token_is_the_last_and_pads(tokenizer):
    ids = tokenizer("a cow", padding="max_length", truncation=True).input_ids
    assert len(ids) == LENGTH and ids[0] == len(tokenizer) - 2 and set(ids[4:]) == {len(tokenizer) - 1}
