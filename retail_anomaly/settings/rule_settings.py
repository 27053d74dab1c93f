"""The section `rules`: which declarative rules run, and where they differ between stores."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from retail_anomaly.rules.detectors_of import rule_detectors
from retail_anomaly.rules.load import checked_rules, written_rules
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.rule_detector import RuleDetector
from retail_anomaly.settings.section import Section


class RuleSettings(Section, frozen=True):
    """The declarative rules that are loaded.

    Examples
    --------
    >>> RuleSettings(packs=("pos",)).flood
    50
    """

    packs: Annotated[
        tuple[str, ...], Meta(description="Packaged rules: pos, grocery, fashion. They start in the shadow.")
    ] = ()
    files: Annotated[
        tuple[str, ...],
        Meta(description="Files and folders with your own rules, beside this file or in the current folder."),
    ] = ()
    inline: Annotated[tuple[dict[str, Any], ...], Meta(description="Rules written here.")] = ()
    set: Annotated[
        dict[str, Any],
        Meta(description="Keys to lay over a loaded rule, by its id: {no_sale_abuse: {status: live}}."),
    ] = msgspec.field(default_factory=dict)
    lists: Annotated[
        dict[str, Any],
        Meta(description="Lists that tests name as $name: values, or a file with one value a line."),
    ] = msgspec.field(default_factory=dict)
    flood: Annotated[
        int,
        Meta(
            ge=1,
            description="After so many live alerts of one rule in one store within 24 h, further ones go to "
            "the shadow.",
        ),
    ] = 50

    @property
    def are_given(self) -> bool:
        """Whether any rule is loaded."""
        return bool(self.packs or self.files or self.inline)


def rules_of(section: RuleSettings) -> list[Rule]:
    """Load the rules of every store.

    Raises
    ------
    RuleError
        A rule is wrong.

    Examples
    --------
    >>> rules_of(RuleSettings())
    []
    """
    found = written_rules(section.files, packs=section.packs, own=section.inline)
    return checked_rules(found, [("rules.set", section.set)], section.lists)


class RulesInForce(NamedTuple):
    """The detectors of rules: those of every store, and those of the stores that have their own."""

    everywhere: list[RuleDetector]
    by_store: dict[str, list[RuleDetector]]


def rules_in_force(
    section: RuleSettings,
    stores: Mapping[str, Mapping[str, Any]],
    max_late: int,
    only: Sequence[str] | None = None,
) -> RulesInForce:
    """Load the rules and make their detectors.

    Parameters
    ----------
    section
        The section `rules`.
    stores
        By store, the keys to lay over its rules.
    max_late
        As for `Detector`, in milliseconds.
    only
        Names of detectors: of the rules only these run.

    Raises
    ------
    RuleError
        A rule is wrong.

    Examples
    --------
    >>> rules_in_force(RuleSettings(), {}, 86_400_000).everywhere
    []
    """
    found = written_rules(section.files, packs=section.packs, own=section.inline)

    def detectors(rules: list[Rule]) -> list[RuleDetector]:
        chosen = [rule for rule in rules if only is None or rule.name in only]
        return rule_detectors(chosen, max_late, section.flood)

    everywhere = [("rules.set", section.set)]
    return RulesInForce(
        detectors(checked_rules(found, everywhere, section.lists)),
        {
            store: detectors(
                checked_rules(found, [*everywhere, (f"stores.{store}.rules", own)], section.lists)
            )
            for store, own in stores.items()
            if own
        },
    )
