"""From a config file and ``KEY VALUE`` options to a config, saying what is wrong in one line.

A file may stand on another (``_BASE_``, as in fast-reid); each is read once. What a file, or the command
line, sets is one layer of full keys and values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fastreid.config import CfgNode
from fastreid.config.config import BASE_KEY
from fastreid.utils.file_io import PathManager

from mdpr.errors import ConfigError, did_you_mean, wrong_value

_KINDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number with a decimal point",
    str: "text",
    list: "a list",
    tuple: "a list",
}


@dataclass(frozen=True)
class Layer:
    """Values of one source."""

    source: str  # a path, or "the options"
    values: Mapping[str, Any]  # by full key


def read_layers(config_file: str, option: str = "--config-file") -> list[Layer]:
    """Read a config file and what it stands on.

    Args:
        config_file: path of a YAML file.
        option: what named it, for the message.

    Returns:
        The layers, the lowest first; the file's own is the last.

    Raises:
        ConfigError: a file that is not there or is not a config.
    """
    try:
        with PathManager.open(config_file, "r") as file:
            content = yaml.safe_load(file) or {}
    except OSError as error:
        raise ConfigError(f"{option}: no file at {Path(config_file).absolute()}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config_file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{config_file} is {type(content).__name__}: expected keys and values")
    base = content.pop(BASE_KEY, None)
    own = Layer(config_file, dict(leaves(content)))
    if base is None:
        return [own]
    return [*read_layers(_beside(config_file, str(base)), f"{BASE_KEY} of {config_file}"), own]


def option_layer(options: Sequence[Any]) -> Layer:
    """``KEY VALUE KEY VALUE ...`` as a layer.

    Raises:
        ConfigError: a key without a value.
    """
    if len(options) % 2:
        raise ConfigError(f"options are KEY VALUE pairs: {options[-1]!r} has no value")
    return Layer("the options", dict(zip(options[::2], options[1::2], strict=True)))


def merge(cfg: CfgNode, layer: Layer) -> None:
    """Set what a layer sets, by the rules of fast-reid's configs (a value keeps its type).

    Args:
        cfg: changed in place.
        layer: what to set.

    Raises:
        ConfigError: an unknown key, or a value of another type than the key's.
    """
    for key, value in layer.values.items():
        nested = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        try:
            cfg.merge_from_other_cfg(CfgNode(nested))
        except KeyError as error:
            raise ConfigError(_unknown(cfg, key, layer.source)) from error
        except (ValueError, AssertionError) as error:
            raise _wrong_type(cfg, key, value, layer.source) from error


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Full keys and values of a tree."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _beside(config_file: str, base: str) -> str:
    """Where a ``_BASE_`` is: relative ones start at the folder of the file that names them."""
    if base.startswith(("https://", "http://")):
        return base
    return str(Path(config_file).parent / Path(base).expanduser())


def _unknown(cfg: CfgNode, key: str, source: str) -> str:
    names = [name for name, _ in leaves(cfg)]
    last = key.rpartition(".")[2].upper()
    # In another node, as a rule, than misspelt.
    suggestion = did_you_mean(key, [name for name in names if name.rpartition(".")[2] == last])
    return f"{key} is not a config key{suggestion or did_you_mean(key, names)}, in {source}"


def _wrong_type(cfg: CfgNode, key: str, value: Any, source: str) -> ConfigError:
    parts = key.split(".")
    default: Any = cfg
    while parts and isinstance(default, CfgNode):
        default = default[parts.pop(0)]
    if isinstance(default, CfgNode):
        allowed = f"keys below it, such as {key}.{next(iter(default))}"
    else:
        allowed = f"{_KINDS.get(type(default), type(default).__name__)}, such as {default!r}"
    return wrong_value(key, value, f"{allowed}, in {source}")
