"""galley.toml is read in one place; what it may not say is refused by its place in the file, and nothing is lost."""

import re

import pytest
from shapes import EXAMPLE, OTHER

from galley.days import Day
from galley.errors import SettingsError
from galley.project import Limits, read
from galley.settings import Settings

LEAST = '[models.{name}]\nproblem = "binary"\nkey = "id"\ntarget = "label"\n'
ONE = LEAST.format(name="one")
TWO = ONE + 'folder = "one"\ntrain = "train_one"\npredict = "predict_one"\n' + LEAST.format(name="two")


@pytest.fixture
def declare(tmp_path):
    """Writes galley.toml, and returns the settings of its project."""

    def write(text, **environment):
        (tmp_path / "galley.toml").write_text(text)
        return Settings.from_environment({"GALLEY_HOME": str(tmp_path), **environment})

    return write


def test_one_model_needs_its_name_problem_key_and_target_alone(declare):
    model = declare(ONE).model
    assert (model.name, model.key, model.target) == ("one", "id", "label")
    assert (model.train, model.review, model.predict) == ("train", "review", "predict")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE + "problme = 1\n", r"models\.one\.problme is an unknown key; accepted are problem, classes, key, target"),
        (
            ONE + "[models.one.policy]\nreviewer = []\n",
            r"policy\.reviewer is an unknown key; accepted are reviewers",
        ),
        ("[project]\ndat = 'x'\n", r"project\.dat is an unknown key; accepted are format, data, outputs, notebooks"),
        ("model = 1\n" + ONE, "model is an unknown key; accepted are project, models, kernels"),
        ("[kernels.r]\nram = '4g'\n", r"kernels\.r\.ram is an unknown key; accepted are memory, cpus, gpus, shm"),
        ("[kernels.r]\nmemory = '4 GB'\n", r"kernels\.r\.memory: '4 GB' is not a size, as in 512m or 4g"),
        ("[kernels.r]\ncpus = 0\n", r"kernels\.r\.cpus must be more than 0 \(it is 0\)"),
        ("[kernels.r]\ngpus = 'all'\n", r"kernels\.r\.gpus must be a whole number \(it is 'all'\)"),
        ("digest = 'x'\n" + ONE, "digest is an unknown key"),
        ('[models.one]\nproblem = "binary"\nkey = "id"\n', r"models\.one\.target is missing"),
        (
            ONE.replace('"binary"', '"ternary"'),
            r"models\.one\.problem: 'ternary' is not \"binary\", \"multiclass\", \"regr",
        ),
        (
            ONE.replace('"binary"', '"multiclass"'),
            r"models\.one: classes are missing: a problem of kind multiclass has three",
        ),
        (
            ONE.replace('"binary"', '"multiclass"') + "classes = ['a', 'b', 'a']\n",
            r"models\.one: classes: one of them is named",
        ),
        (ONE + "classes = ['no']\n", r"models\.one: classes: a binary problem names what 0 and 1 mean, or nothing"),
        (
            ONE.replace('"binary"', '"regression"') + "classes = ['a', 'b']\n",
            r"models\.one: classes: a regression has none",
        ),
        (ONE + "classes = [1, 2]\n", r"models\.one\.classes\.0: 1 is not the name of a class, as a text"),
        (ONE + "evidence = ['../x.csv']\n", r"models\.one\.evidence\.0: '\.\./x\.csv' is not a path below"),
        (ONE + "evidence = ['{day}.csv']\n", r"may hold \{ds\} and no other braces"),
        (ONE + "train = 'my dag'\n", r"models\.one\.train: 'my dag' is not a DAG's name"),
        (ONE + "[models.one.policy]\nreviewers = ['ada', '']\n", r"reviewers\.1: '' is not a user's name"),
        (ONE + "[models.one.policy]\nreviewers = [7]\n", r"reviewers\.0: 7 is not a user's name"),
        (ONE + "[models.one.policy]\nreviewers = 'ada'\n", r"policy\.reviewers must be a list"),
        (ONE + "metrics = ['a.b.c']\n", r"metrics\.0: 'a\.b\.c' is not a metric"),
        (ONE + "trusted = ['Tree']\n", r"trusted\.0: 'Tree' is not a type with its module, as in numpy\.dtype"),
        (ONE + "allow_pickle = 'maybe'\n", r"models\.one\.allow_pickle must be true or false \(it is 'maybe'\)"),
        (ONE + "folder = 'raw'\n", "'raw' is a folder that galley writes"),
        (ONE + "predict = 'train'\n", "the DAG 'train' is named twice"),
        (ONE + LEAST.format(name="two"), r'models\.two\.folder: models\.one writes to data too; give folder = "two"'),
        (
            ONE + LEAST.format(name="two") + "folder = 'two'\n",
            r"models\.two: the DAG 'predict' belongs to models\.one already",
        ),
        (LEAST.format(name='"a/b"'), "'a/b' is not a model's name"),
        ("[models.one\n", "is not valid TOML"),
        ("models = 7\n", "models must be a table"),
        ("[models]\none = 7\n", r"models\.one must be a table"),
        ("[project]\nformat = 2\n" + ONE, r"has format 2, and this release of galley reads up to 1\. Update galley"),
    ],
)
def test_what_it_may_not_say_is_refused_by_its_place(declare, text, said):
    with pytest.raises(SettingsError, match=said) as refused:
        declare(text)
    assert "galley.toml" in str(refused.value)


def test_limits_of_an_operator_win_over_those_of_the_kernel_and_are_read_as_strictly(declare):
    limits = declare("[kernels.r]\nmemory = '4g'\ncpus = 1.5\n").project.kernels["r"]
    assert limits.but({"cpus": 2}, "fit") == Limits(memory="4g", cpus=2)
    with pytest.raises(SettingsError, match=r"^fit: shm: 'much' is not a size.*Correct it there\."):
        limits.but({"shm": "much"}, "fit")


def test_all_faults_are_told_at_once(declare):
    with pytest.raises(SettingsError) as refused:
        declare(ONE + "problme = 1\nevidence = ['/x']\n[models.one.policy]\nreviewers = ['']\n")
    assert len(re.findall("^- ", str(refused.value), re.MULTILINE)) == 3


def test_a_project_without_the_file_runs_notebooks_and_has_no_model(tmp_path):
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
    assert Day.of("2026-11-23", settings).raw == tmp_path / "data/raw/2026-11-23"
    with pytest.raises(SettingsError, match=r"galley\.toml is not there\. Declare the project's models in it"):
        _ = settings.model


def test_two_models_and_none_named_is_refused_with_the_ways_to_name_one(declare):
    settings = declare(TWO)
    with pytest.raises(SettingsError, match=r"several models \(one, two\)\. Name one: model= on the operator"):
        _ = settings.model
    with pytest.raises(SettingsError, match="several models"):
        _ = Day.of("2026-11-23", settings).raw
    with pytest.raises(SettingsError, match=r"'three' is not declared in .* Declared: one, two"):
        settings.for_model("three")


def test_a_model_is_found_by_its_name_its_dag_and_the_variable(declare):
    settings = declare(TWO)
    assert settings.for_model("two").model.name == "two"
    assert settings.for_model(dag_id="train_one").model.name == "one"
    assert settings.for_model("two", dag_id="train_one").model.name == "two"
    assert declare(TWO, GALLEY_MODEL="one").model.name == "one"
    with pytest.raises(SettingsError, match="'three' is not declared"):
        _ = declare(TWO, GALLEY_MODEL="three").model


def test_who_reviews_is_what_the_policy_says_unless_the_variable_does(declare):
    text = ONE + "[models.one.policy]\nreviewers = ['ada', 'grace']\n"
    assert declare(text).who_reviews == ("ada", "grace")
    assert declare(text, GALLEY_REVIEWERS="linus").who_reviews == ("linus",)
    assert declare(ONE).who_reviews == ()


def test_each_model_has_days_of_its_own(declare):
    settings = declare(TWO)
    one, two = (Day.of("2026-11-23", settings.for_model(name)) for name in ("one", "two"))
    assert one.models == settings.data / "one/models/2026-11-23"
    assert two.models == settings.data / "models/2026-11-23"


def test_locations_are_below_the_project_and_a_variable_wins(declare, tmp_path):
    text = '[project]\ndata = "d"\noutputs = "/o"\nnotebooks = "n"\n' + ONE
    settings = declare(text)
    assert (settings.data, str(settings.outputs), settings.notebooks) == (tmp_path / "d", "/o", tmp_path / "n")
    assert declare(text, GALLEY_DATA="/x").data.as_posix() == "/x"


def test_a_change_of_a_byte_is_another_digest(declare):
    assert declare(ONE).project.digest != declare(ONE + "\n").project.digest


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "galley.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path / "galley.toml")


@pytest.mark.parametrize("shape", [EXAMPLE, OTHER], ids=lambda shape: shape.model)
def test_both_shapes_of_the_tests_are_projects(shape, tmp_path):
    shape.declare(tmp_path)
    assert Settings.from_environment({"GALLEY_HOME": str(tmp_path)}).model.train == shape.train
