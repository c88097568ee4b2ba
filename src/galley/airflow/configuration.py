"""Configuration: galley's settings, which Airflow's own configuration may have too, in its section [galley]."""

import os
import re

from galley.airflow.compat import conf
from galley.errors import SettingsError
from galley.settings import Settings

SECTION = "galley"
_VARIABLES = f"AIRFLOW__{SECTION.upper()}__"
_ELSEWHERE = re.compile(r"_(cmd|secret)$")
"""How an option ends that says where Airflow finds the value of the one that is meant."""


def settings() -> Settings:
    """The settings of this process, one of Airflow's. What a variable of galley's says wins over [galley].

    What [galley] says becomes part of the environment, from which kernels and containers have all settings.
    Raises SettingsError, and says what [galley] has to do with it.
    """
    given = _given()
    for variable, value in given.items():
        if not os.environ.get(variable):
            os.environ[variable] = value
    try:
        return Settings.from_environment()
    except SettingsError as error:
        if used := ", ".join(variable for variable, value in given.items() if os.environ[variable] == value):
            raise SettingsError(f"{error} Airflow's configuration gives {used}, in [{SECTION}].") from error
        raise


def _given() -> dict[str, str]:
    """What [galley] says, by variable. Only names that are there are looked up: for others Airflow reads providers."""
    options = set(conf.options(SECTION)) if conf.has_section(SECTION) else set()
    options |= {name.removeprefix(_VARIABLES).lower() for name in os.environ if name.startswith(_VARIABLES)}
    known = Settings.options()
    given = {}
    for option in sorted({_ELSEWHERE.sub("", option) for option in options}):
        if option not in known:
            raise SettingsError(
                f"{option} in [{SECTION}] of Airflow's configuration is an unknown setting. Remove it, or use one of "
                f"{', '.join(sorted(known))}."
            )
        value = conf.get(SECTION, option, fallback="")
        if not value and options & {f"{option}_cmd", f"{option}_secret"}:
            raise SettingsError(
                f"{option} in [{SECTION}] of Airflow's configuration is empty: its command or secret gives nothing, or "
                f"this Airflow, as 3.1, reads neither for it. Give {option} itself, or {known[option].metadata['env']}."
            )
        if value:
            given[known[option].metadata["env"]] = str(value)
    return given
