"""The registry of figures drawn by hand, and the declarations that show them."""

import builders_own as make
import pytest

from study.analysis.reading import LANGUAGES
from study.figures.own import OWN
from study.figures.words import has


def test_every_figure_drawn_by_hand_is_one_of_the_lectures():
    assert set(OWN) == set(make.FIGURES)
    assert len(OWN) == 12


@pytest.mark.parametrize("name", OWN)
def test_a_name_finds_its_figure_with_the_experiments_and_words_of_the_declaration(name):
    spec, declared = OWN[name], make.FIGURES[name]
    assert spec.id == name
    assert set(spec.experiments) <= set(declared.experiments)
    assert make.cases(name)
    assert all(has(declared, language) for language in LANGUAGES)


def test_a_name_that_is_none_has_no_figure():
    assert "1.1-a" not in OWN
    with pytest.raises(KeyError):
        OWN["1.1-a"]
