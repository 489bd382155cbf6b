"""Reads, checks and writes configurations."""

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from glcic_backend.errors import InvalidInputError
from glcic_train.config.rules import check_rules
from glcic_train.config.schema import Config

_FOLDER = resources.files("glcic_train") / "configs"


def named_configs() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))


def load_config(name_or_path: str, settings: Sequence[str] = ()) -> Config:
    """Load a configuration and apply `--set` options to it.

    Args:
        name_or_path: a name of `named_configs`, or the path of a TOML file. A file may name another configuration in
            `base`; its own values then replace those of the base.
        settings: `section.key=value`, the value written as in TOML; a bare word is taken as a string.

    Raises:
        InvalidInputError: unknown name, key or section (the nearest one is named), wrong type, value out of bounds,
            or values that do not go together.
    """
    values = _read_values(name_or_path)
    for setting in settings:
        _apply_setting(values, setting)
    return parse_config(values, source=name_or_path)


def parse_config(values: Mapping[str, Any], source: str) -> Config:
    """Check a tree of plain values against the schema; `source` names it in messages."""
    config: Config = _parse_section(Config, values, f"{source}: ")
    check_rules(config, source)
    return config


def to_toml(config: Config) -> str:
    """The whole configuration as TOML, every default written out. `parse_config` reads it back unchanged."""
    lines: list[str] = []
    _write_section(lines, "", config)
    return "\n".join(lines).strip() + "\n"


def _read_values(name_or_path: str) -> dict[str, Any]:
    if name_or_path.endswith(".toml"):
        file: Any = Path(name_or_path)
    elif name_or_path in named_configs():
        file = _FOLDER / f"{name_or_path}.toml"
    else:
        known = ", ".join(named_configs())
        raise InvalidInputError(
            f"There is no configuration '{name_or_path}'{_nearest(name_or_path, named_configs())}. "
            f"Use one of {known}, or the path of a .toml file."
        )
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The configuration {name_or_path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"The configuration {name_or_path} is not valid TOML: {error}.") from error
    base = values.pop("base", None)
    return values if base is None else _merged(_read_values(base), values)


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both_tables else value
    return result


def _apply_setting(values: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise InvalidInputError(f"--set {setting}: write it as section.key=value, such as run.batch=32.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *sections, key = path.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise InvalidInputError(f"--set {setting}: '{section}' is a value, not a section.")
    values[key] = value


def _nearest(word: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"; the nearest is '{matches[0]}'" if matches else ""


def _parse_section(section: Any, values: Any, where: str) -> Any:
    if not isinstance(values, Mapping):
        raise InvalidInputError(f"{where.rstrip('. ')} must be a section of keys, not {values!r}.")
    annotations = typing.get_type_hints(section)
    fields = {field.name: field for field in dataclasses.fields(section)}
    for key in values:
        if key not in fields:
            hint = _nearest(key, list(fields))
            raise InvalidInputError(f"{where}{key} is not an option{hint}. Known here: {', '.join(fields)}.")
    arguments = {
        key: _parse_value(annotations[key], value, fields[key].metadata, where + key) for key, value in values.items()
    }
    return section(**arguments)


def _parse_value(kind: Any, value: Any, bounds: Mapping[str, Any], where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _parse_section(kind, value, where + ".")
    if isinstance(kind, types.GenericAlias):  # a tuple: a pair of numbers, or a list of sections
        members = typing.get_args(kind)
        if not isinstance(value, list | tuple):
            raise InvalidInputError(f"{where} must be a list, not {value!r}.")
        if members[-1] is Ellipsis:
            return tuple(_parse_value(members[0], item, bounds, f"{where}[{i}]") for i, item in enumerate(value))
        if len(value) != len(members):
            raise InvalidInputError(f"{where} must hold {len(members)} values, not {len(value)}.")
        return tuple(_parse_value(member, item, bounds, where) for member, item in zip(members, value, strict=True))
    # TOML writes 1 where a float may stand; a bool is an int to Python, never to a user.
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise InvalidInputError(f"{where} must be {_KIND_WORDS[kind]}, not {value!r}.")
    if bounds["choices"] and value not in bounds["choices"]:
        hint = _nearest(value, bounds["choices"])
        raise InvalidInputError(f"{where} is '{value}'{hint}. It must be one of {', '.join(bounds['choices'])}.")
    low, high = bounds["minimum"], bounds["maximum"]
    # Written so that NaN is out of bounds too.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        limits = f"at least {low}" if high is None else f"from {low} to {high}"
        raise InvalidInputError(f"{where} is {value}. It must be {limits}.")
    return value


_KIND_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}


def _write_section(lines: list[str], path: str, section: Any) -> None:
    nested: list[tuple[str, Any]] = []
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        name = f"{path}.{field.name}" if path else field.name
        members = value if isinstance(value, tuple) and value else (value,)
        if dataclasses.is_dataclass(members[0]):
            nested.append((name, value))
        else:
            lines.append(f"{field.name} = {_toml_value(value)}")
    for name, value in nested:
        for item in value if isinstance(value, tuple) else [value]:
            lines.extend(["", f"[[{name}]]" if isinstance(value, tuple) else f"[{name}]"])
            _write_section(lines, name, item)


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, str):
        # TOML's basic strings escape as JSON does, except that DEL must be escaped too: no option may hold it.
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
