"""docs/configuration.md agrees with the configuration's types. No TensorFlow."""

from pathlib import Path

import pydantic

from docs_build.configuration_reference import reference
from experiment.config import ExperimentConfig

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == reference(), "run: python -m docs_build.configuration_reference > docs/configuration.md"


def test_every_setting_says_what_it_means():
    def undocumented(model):
        return [name for name, field in model.model_fields.items() if not field.description]

    sections = [ExperimentConfig, *(type(f.default) for f in ExperimentConfig.model_fields.values()
                                    if isinstance(f.default, pydantic.BaseModel))]  # fmt: skip
    assert len(sections) > 5
    assert {model.__name__: undocumented(model) for model in sections} == {m.__name__: [] for m in sections}
