"""Rules from files, folders, packs and mappings."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from retail_anomaly.core.nearest import nearest
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.rule_check import checked_id, checked_rule
from retail_anomaly.rules.written import RuleError, Written, read_written, written

PACKS: Final = ("pos", "grocery", "fashion")
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_DEEPEST: Final = 8  # rules that extend one another


def load_rules(
    where: Iterable[str | Path] = (),
    *,
    packs: Iterable[str] = (),
    own: Iterable[Mapping[str, Any]] = (),
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Mapping[str, Any] | None = None,
) -> list[Rule]:
    """Read rules; of several with one id the one with the highest version stays.

    Parameters
    ----------
    where
        Files, and folders whose files are read.
    packs
        Names of packaged rules: ``pos``, ``grocery``, ``fashion``.
    own
        Rules as mappings.
    changes
        By the id of a rule, keys to lay over it, such as ``{"status": "live", "when": {"gte": 8}}``.
    lists
        Named lists, which come before those of a rule itself: a list, or a file with one value a line.

    Returns
    -------
    list of Rule
        In the order in which they are named.

    Raises
    ------
    RuleError
        A file can't be read, or a rule is wrong.

    Examples
    --------
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> [rule.status for rule in load_rules(own=[counted], changes={"a": {"status": "live"}})]
    ['live']
    """
    found = written_rules(where, packs=packs, own=own)
    return checked_rules(found, [("rules.set", changes or {})], lists or {})


def written_rules(
    where: Iterable[str | Path] = (),
    *,
    packs: Iterable[str] = (),
    own: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Written]:
    """Read rules, which are not checked yet, by their ids; the arguments are those of `load_rules`."""
    found: dict[str, Written] = {}
    for rule in [*_of_packs(packs), *_of_paths(where), *_of_mappings(own)]:
        extended = _extended(rule)
        name, version = _id_of(extended), _version_of(extended)
        if name in found and _version_of(found[name]) > version:
            continue
        if name in found and _version_of(found[name]) == version:
            raise rule.error(f"rule {name} version {version} is also in {found[name].place}")
        found[name] = extended
    return found


def checked_rules(
    found: Mapping[str, Written],
    changes: Iterable[tuple[str, Mapping[str, Mapping[str, Any]]]],
    lists: Mapping[str, Any],
) -> list[Rule]:
    """Check rules after changes to them.

    Parameters
    ----------
    found
        The rules, by id.
    changes
        The place of some changes, and the changes by the id of a rule, as for `load_rules`.
    lists
        As for `load_rules`.
    """
    rules = dict(found)
    for place, by_rule in changes:
        for name, change in by_rule.items():
            if name not in rules:
                said = nearest(name, rules) if rules else "no rules are loaded"
                raise RuleError(f"{place}.{name}", f"there is no rule {name}; {said}")
            rules[name] = written(change, f"{place}.{name}").over(rules[name])
    return [checked_rule(_with_lists(rule, lists)) for rule in rules.values()]


def load_rule(source: str | Path | Mapping[str, Any]) -> Rule:
    """Read one rule, as `Rule.load` does."""
    if isinstance(source, Mapping):
        rules = load_rules(own=[source])
    elif isinstance(source, str) and "\n" in source:
        rules = [checked_rule(_extended(rule)) for rule in _each(read_written(source, "rule"), "rule")]
    else:
        rules = load_rules([source])
    if len(rules) != 1:
        raise RuleError(str(source), f"expected one rule, got {len(rules)}")
    return rules[0]


def _of_packs(packs: Iterable[str]) -> Iterator[Written]:
    folders: dict[str, None] = {}
    for pack in packs:
        if pack not in PACKS:
            raise RuleError("rules.packs", f"unknown pack {pack}; {nearest(pack, PACKS)}")
        # The other packs set thresholds over the rules of `pos`.
        folders |= {"pos": None, pack: None}
    for folder in folders:
        yield from _in_folder(folder)


@cache
def _in_folder(pack: str) -> tuple[Written, ...]:
    folder = files("retail_anomaly.rules").joinpath(pack)
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return tuple(
        rule
        for file in sorted(found, key=lambda file: file.name)
        for rule in _each(read_written(file.read_bytes(), f"{pack}/{file.name}"), f"{pack}/{file.name}")
    )


def _of_paths(where: Iterable[str | Path]) -> Iterator[Written]:
    for given in map(Path, where):
        found = [given]
        if given.is_dir():
            found = sorted(file for file in given.rglob("*") if file.suffix in _SUFFIXES)
            if not found:
                raise RuleError(str(given), "the folder has no .yaml file")
        for file in found:
            try:
                content = file.read_bytes()
            except OSError as error:
                raise RuleError(str(file), f"cannot be read: {error.strerror}") from None
            yield from _each(read_written(content, str(file)), str(file))


def _of_mappings(own: Iterable[Mapping[str, Any]]) -> Iterator[Written]:
    for number, rule in enumerate(own):
        yield written(dict(rule), f"rule {rule.get('id', number + 1)}")


def _each(content: Written | None, file: str) -> list[Written]:
    if content is None:
        raise RuleError(file, "expected a rule, got an empty file")
    return content.value if isinstance(content.value, list) else [content]


def _extended(rule: Written, depth: int = 0) -> Written:
    """Lay a rule over the packaged rule that it extends."""
    given = rule.value.get("extends") if isinstance(rule.value, dict) else None
    if given is None:
        return rule
    pack, _, name = str(given.plain()).rpartition("/")
    known = {each.value["id"].plain(): each for each in _in_folder(pack)} if pack in PACKS else {}
    if name not in known:
        advice = nearest(name, known) if known else "expected a packaged rule such as pos/no_sale_abuse"
        raise given.error(f"extends: unknown rule {given.plain()}; {advice}")
    if depth == _DEEPEST:
        raise given.error("extends: these rules extend one another")
    below = _extended(known[name], depth + 1).without("examples")
    return rule.without("extends").over(below)


def _with_lists(rule: Written, lists: Mapping[str, Any]) -> Written:
    """Give a rule the named lists that its tests refer to, so that they are versioned with it."""
    if not lists or not isinstance(rule.value, dict):
        return rule
    used: dict[str, Written] = {}
    texts = _texts(rule)
    # A list that a used list names comes too: the check of the rule then sees that it does.
    while found := {name for name in lists if f"${name}" in texts} - used.keys():
        new = {
            name: written(_list(name, lists[name]), f"rules.lists.{name}") for name in lists if name in found
        }
        texts = set().union(*map(_texts, new.values()))
        used |= new
    place = "rules.lists"
    return Written({"lists": Written(used, place)}, place).over(rule) if used else rule


def _list(name: str, given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        lines = Path(given).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise RuleError(f"rules.lists.{name}", f"{given}: cannot be read: {said}") from None
    return [line.strip() for line in lines if line.strip()]


def _texts(given: Written) -> set[str]:
    if isinstance(given.value, dict | list):
        parts = given.value.values() if isinstance(given.value, dict) else given.value
        return set().union(*map(_texts, parts)) if parts else set()
    return {given.text}


def _id_of(rule: Written) -> str:
    if isinstance(rule.value, dict) and "id" in rule.value:
        return checked_id(rule.value["id"])
    return checked_rule(rule).id  # it says what is missing


def _version_of(rule: Written) -> int:
    given = rule.value.get("version")
    return given.value if given is not None and type(given.value) is int else 1
