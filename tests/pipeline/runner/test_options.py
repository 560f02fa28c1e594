"""The options that every command has which makes an experiment. Starts no run."""

import argparse
from pathlib import Path

import click
import pytest

from experiment.errors import ThawError
from pipeline.runner.options import SHORTS, STRICT, WEIGHTS, add_options, config_of
from thaw.options import experiment


def by_argparse(arguments, shorts=SHORTS):
    parser = argparse.ArgumentParser()
    add_options(parser, shorts)
    parsed = parser.parse_args(arguments)
    return config_of(parsed.config, parsed.set, vars(parsed), shorts)


def by_click(arguments):
    found = []
    command = click.command()(experiment(found.append))
    command.main(arguments, standalone_mode=False)
    return found[0]


@pytest.mark.parametrize("read", [by_argparse, by_click])
def test_a_short_option_is_its_setting_and_goes_before_set(read):
    short = ["--data", "/d", "--weights", "/w.h5", "--workers", "3", "--strict", "--minutes", "2.5"]
    spelled = ["--set", "data.path=/d", "--set", "backbones.mobilenet_v2.weights=/w.h5", "--set", "workers=3",
               "--set", "strict=true", "--set", "budget_minutes=2.5"]  # fmt: skip
    assert read(short) == read(spelled) != read([])
    assert read(["--workers", "3", "--set", "workers=2"]).workers == 3


@pytest.mark.parametrize("read", [by_argparse, by_click])
@pytest.mark.parametrize("name", ["photos #2", "a: b", "2024", "yes", "[x]", "é\U0001f600", "'", '"', "\\n", "~"])
def test_a_folder_of_any_name_is_that_folder_and_not_yaml(read, name):
    assert read(["--data", name]).data.path == Path(name).expanduser()


@pytest.mark.parametrize("read", [by_argparse, by_click])
@pytest.mark.parametrize(
    "name", ["a\x85b", "a\x7fb", "a\x80b", "a\ufffeb", "a\x01b", "a\u2028b", "a\nb", "word " * 40 + "."]
)
def test_a_folder_with_control_characters_is_that_folder(read, name):
    assert read(["--data", name]).data.path == Path(name)


@pytest.mark.parametrize("read", [by_argparse, by_click])
def test_a_folder_whose_name_is_not_utf_8_is_refused_by_that_reason(read):
    with pytest.raises(ThawError, match=r"The name of a.udcffb is not UTF-8.*another name"):
        read(["--data", "a\udcffb"])


@pytest.mark.parametrize("arguments", [[], ["--set", "draws=5", "--workers", "2"]])
def test_both_parsers_make_the_same_experiment(arguments):
    assert by_argparse(arguments) == by_click(arguments)


@pytest.mark.parametrize("read", [by_argparse, by_click])
def test_a_wrong_value_is_refused_with_the_setting_that_it_stands_for(read):
    with pytest.raises(ThawError, match=r"quick\.yaml with --set workers=0 is not valid"):
        read(["--workers", "0"])
    with pytest.raises(ThawError, match=r'--set workers=0 --set data\.path="/a" is not valid:\n'):
        read(["--set", "workers=0", "--data", "/a"])


def test_a_command_may_leave_options_out(capsys):
    assert by_argparse(["--strict"], (WEIGHTS, STRICT)).strict
    with pytest.raises(SystemExit) as ended:
        by_argparse(["--workers", "2"], (WEIGHTS, STRICT))
    assert ended.value.code == 2
