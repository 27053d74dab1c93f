"""Mappings as YAML, checked: an error names the line and the nearest right key."""

import codecs
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import yaml

from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.sources.cells import text_cell
from retail_anomaly.sources.columns import FIELDS, ColumnsError, constant_of
from retail_anomaly.sources.date_forms import FORMS, pattern_of
from retail_anomaly.sources.mapping import FLAG_WORDS, EventMapping, TopicMapping

AnyMapping: TypeAlias = EventMapping | Mapping[str, Any] | str | Path

_PACKAGED: Final = files("retail_anomaly.sources") / "mappings"
_THOUSANDS: Final = (".", ",", "'", " ")
_LAST_HEADER: Final = 1_000
# What YAML takes for nothing where no quotes say that it is a text.
_NOTHING: Final = frozenset({"null", "Null", "NULL", "~"})
_OF_NUMBERS: Final = "0123456789.,'()+-\u2212 "
_SEPARATORS: Final = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";"}


class MappingError(ColumnsError):
    """A mapping can't work; the text is one line that names the file, the line and the key."""


def packaged_mappings() -> list[str]:
    """Return the names of the mappings that come with the package.

    Examples
    --------
    >>> "uci_online_retail" in packaged_mappings()
    True
    """
    return sorted(
        file.name.removesuffix(".yaml") for file in _PACKAGED.iterdir() if file.name.endswith(".yaml")
    )


def read_mapping(mapping: AnyMapping) -> EventMapping:
    """Read a mapping.

    Parameters
    ----------
    mapping
        A YAML file, the name of a mapping of the package, or the same keys and values as a dict.

    Raises
    ------
    MappingError
        There is no such file, or a key or a value is wrong.

    Examples
    --------
    >>> read_mapping({"columns": {"sku": "article"}, "dates": "DD.MM.YYYY"}).of_topic("pos-events").dates
    ('DD.MM.YYYY',)
    >>> read_mapping({"colums": {"sku": "article"}})
    Traceback (most recent call last):
    retail_anomaly.sources.mapping_file.MappingError: mapping:1: unknown key colums; did you mean columns?
    """
    if isinstance(mapping, EventMapping):
        return mapping
    if isinstance(mapping, Mapping):
        return _Reader("mapping").read(_as_yaml(mapping))
    path = Path(mapping)
    if str(mapping) in packaged_mappings() and not path.exists():
        text = (_PACKAGED / f"{mapping}.yaml").read_text("utf-8")
        return msgspec.structs.replace(_Reader(str(mapping)).read(text), is_packaged=True)
    try:
        content = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise MappingError(f"{path}: expected YAML in UTF-8") from None
    except OSError as error:
        raise MappingError(
            f"{path}: {error.strerror}; the mappings of the package are {', '.join(packaged_mappings())}"
        ) from None
    return _Reader(str(path)).read(content)


def _as_yaml(mapping: Mapping[str, Any]) -> str:
    try:
        written: str = yaml.safe_dump(dict(mapping), allow_unicode=True, sort_keys=False)
    except yaml.representer.RepresenterError as error:
        value = error.args[-1]
        raise MappingError(
            f"mapping: expected texts, numbers, lists and dicts, got {type(value).__name__} {value}"
        ) from None
    return written


class _Reader:
    """Reads one mapping."""

    def __init__(self, source: str) -> None:
        self._source = source

    def read(self, text: str) -> EventMapping:
        try:
            # Every scalar as the text that stands there: an id such as 0012 is no number, `no` is not false.
            node = yaml.compose(text, Loader=yaml.BaseLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise MappingError(f"{self._source}{line}: not YAML: {error.problem or error.context}") from None
        except (yaml.YAMLError, RecursionError) as error:
            raise MappingError(f"{self._source}: not YAML: {' '.join(str(error).split())}") from None
        if node is None:
            return EventMapping(source=self._source)
        found = self._entries(node, "keys and values, such as `columns:`")
        whole: dict[str, Any] = {}
        common: dict[str, tuple[Any, Any]] = {}
        sections: dict[str, Any] = {}
        for key, (at, value) in found.items():
            if key in _OF_FILE:
                whole[key] = self._value(_OF_FILE[key], key, at, value)
            elif key in _OF_TOPIC:
                common[key] = (at, value)
            elif key in INPUT_TOPICS:
                sections[key] = value
            else:
                self._fail(at, f"unknown key {key}; {_nearest(key, [*_OF_FILE, *_OF_TOPIC, *INPUT_TOPICS])}")
        self._known_fields(common, {field for fields in FIELDS.values() for field in fields})
        topics = {}
        for topic in INPUT_TOPICS:
            own: dict[str, tuple[Any, Any]] = {}
            if topic in sections:
                own = self._entries(sections[topic], "keys below it, such as `columns:`")
                self._known_fields(own, set(FIELDS[topic]))
            topics[topic] = self._topic(topic, common, own)
        return EventMapping(topics=topics, source=self._source, **whole)

    def _topic(
        self, topic: str, common: Mapping[str, tuple[Any, Any]], own: Mapping[str, tuple[Any, Any]]
    ) -> TopicMapping:
        values: dict[str, Any] = {}
        at: Any = None
        for key, (at, node) in [*common.items(), *own.items()]:
            if key not in _OF_TOPIC:
                self._fail(at, f"unknown key {key}; {_nearest(key, _OF_TOPIC)}")
            value = self._value(_OF_TOPIC[key], key, at, node)
            if key in ("columns", "constants"):
                value = {field: v for field, v in value.items() if field in FIELDS[topic]}
                value = {**values.get(key, {}), **value}
            values[key] = value
        if values.get("decimal") and values.get("decimal") == values.get("thousands"):
            self._fail(at, f"decimal and thousands are both {values['decimal']!r}: they need two signs")
        return TopicMapping(**values)

    def _known_fields(self, entries: Mapping[str, tuple[Any, Any]], known: set[str]) -> None:
        for key in ("columns", "constants"):
            if key in entries:
                for field, (at, _) in self._entries(entries[key][1], "fields and columns").items():
                    if field not in known:
                        self._fail(at, f"unknown field {field}; {_nearest(field, known)}")

    def _value(self, read: Callable[["_Reader", Any, Any], Any], key: str, at: Any, node: Any) -> Any:
        try:
            return read(self, at, node)
        except (ValueError, LookupError, OSError) as error:
            if isinstance(error, MappingError):
                raise
            self._fail(node, f"{key}: {error}")

    def _entries(self, node: Any, expected: str) -> dict[str, tuple[Any, Any]]:
        if isinstance(node, yaml.ScalarNode) and not node.value and not node.style:
            return {}  # a key with nothing but comments below it, as a draft may have it
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, f"expected {expected}")
        found: dict[str, tuple[Any, Any]] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fail(key_node, "expected a key")
            if key_node.value in found:
                self._fail(key_node, f"{key_node.value} is given twice")
            found[key_node.value] = (key_node, value_node)
        return found

    def text(self, _: Any, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise ValueError("expected a text")
        return str(node.value)

    def texts(self, at: Any, node: Any) -> tuple[str, ...]:
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.text(at, part) for part in node.value)
        return (self.text(at, node),)

    def columns(self, _: Any, node: Any) -> dict[str, tuple[str, ...]]:
        return {
            field: self._value(_Reader.texts, field, at, value)
            for field, (at, value) in self._entries(
                node, "fields with their columns, such as sku: article"
            ).items()
        }

    def constants(self, _: Any, node: Any) -> dict[str, Any]:
        found = {}
        for field, (at, value) in self._entries(node, "fields with their values").items():
            if isinstance(value, yaml.ScalarNode) and not value.style and value.value in _NOTHING:
                self._fail(
                    value, f"{field}: expected a value, got nothing; a text {value.value} needs quotes"
                )
            try:
                found[field] = constant_of(field, self._value(_Reader.text, field, at, value))
            except ColumnsError as error:
                if isinstance(error, MappingError):
                    raise
                self._fail(at, str(error))
        return found

    def types(self, _: Any, node: Any) -> dict[str, str]:
        entries = self._entries(node, "their event types with ours, such as RETURN: REFUND")
        self._once(entries, str.upper)
        return {
            # As their cells are read: 2.0 is the text 2.
            str(text_cell(name)).upper(): self._value(_Reader.text, name, at, value)
            for name, (at, value) in entries.items()
        }

    def flags(self, at: Any, node: Any) -> dict[str, bool]:
        entries = self._entries(node, "words with true or false, such as Y: true")
        self._once(entries, str.lower)
        words = {word.strip().lower(): self.boolean(at, value) for word, (_, value) in entries.items()}
        return {**FLAG_WORDS, **words}

    def _once(self, entries: Mapping[str, tuple[Any, Any]], folded: Callable[[str], str]) -> None:
        """Refuse a word that stands there twice, in capitals and in small letters."""
        seen: dict[str, str] = {}
        for word, (at, _) in entries.items():
            first = seen.setdefault(folded(word.strip()), word)
            if first != word:
                self._fail(at, f"{word} is given twice: {first} is the same word, in any case")

    def currencies(self, at: Any, node: Any) -> tuple[str, ...]:
        signs = self.texts(at, node)
        for sign in signs:
            if not sign.strip(_OF_NUMBERS):
                raise ValueError(f"expected a word or sign of money, got {sign!r}, which is part of a number")
        return signs

    def boolean(self, _: Any, node: Any) -> bool:
        word = node.value.lower() if isinstance(node, yaml.ScalarNode) else None
        if word not in ("true", "false"):
            raise ValueError(f"expected true or false, got {word}")
        return bool(word == "true")

    def nulls(self, at: Any, node: Any) -> frozenset[str]:
        if isinstance(node, yaml.SequenceNode) and not node.value:
            return frozenset()
        return frozenset(word.strip().lower() for word in self.texts(at, node))

    def number(self, _: Any, node: Any) -> int:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not (text.isascii() and text.isdigit()) or int(text) > 9:
            raise ValueError(f"expected a number of digits from 0 to 9, got {text}")
        return int(text)

    def line(self, _: Any, node: Any) -> int:
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_HEADER):
            raise ValueError(f"expected the number of a line, from 1 to {_LAST_HEADER:,}, got {text}")
        return int(text)

    def dates(self, at: Any, node: Any) -> tuple[str, ...]:
        forms = self.texts(at, node)
        for form in forms:
            if form not in FORMS:
                pattern_of(form)
        return forms

    def zone(self, at: Any, node: Any) -> str:
        name = self.text(at, node)
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, LookupError):
            raise ValueError(f"expected an IANA name such as Europe/Berlin, got {name!r}") from None

    def encoding(self, at: Any, node: Any) -> str:
        name = self.text(at, node)
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError(f"expected an encoding such as utf-8 or cp1252, got {name!r}") from None
        return name

    def separator(self, at: Any, node: Any) -> str:
        text = self.text(at, node)
        sign = _SEPARATORS.get(text, text)
        if len(sign) != 1:
            raise ValueError(f'expected one sign such as ";", or tab, got {text!r}')
        return sign

    def one_of(self, node: Any, words: Sequence[str]) -> str:
        text = str(node.value) if isinstance(node, yaml.ScalarNode) else None
        if text is None or text not in words:
            raise ValueError(f"expected one of {', '.join(map(repr, words))}, got {text!r}")
        return text

    def _fail(self, node: Any, message: str) -> NoReturn:
        raise MappingError(f"{self._source}:{node.start_mark.line + 1}: {message}")


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"did you mean {lower[close[0]]}?" if close else f"expected one of {', '.join(known)}"


def _choice(*words: str) -> Callable[[_Reader, Any, Any], str]:
    return lambda reader, _, node: reader.one_of(node, words)


_OF_FILE: Final[dict[str, Callable[[_Reader, Any, Any], Any]]] = {
    "topic": _choice(*INPUT_TOPICS),
    "encoding": _Reader.encoding,
    "separator": _Reader.separator,
    "sheet": _Reader.text,
    "header": _Reader.line,
    "fill_down": _Reader.texts,
}
_OF_TOPIC: Final[dict[str, Callable[[_Reader, Any, Any], Any]]] = {
    "columns": _Reader.columns,
    "constants": _Reader.constants,
    "types": _Reader.types,
    "negative": _choice("refund"),
    "amount": _choice("line", "per_unit"),
    "minor_units": _Reader.number,
    "decimal": _choice(".", ","),
    "thousands": _choice(*_THOUSANDS),
    "currency": _Reader.currencies,
    "nulls": _Reader.nulls,
    "flags": _Reader.flags,
    "dates": _Reader.dates,
    "time_zone": _Reader.zone,
    "trim": _Reader.boolean,
}
