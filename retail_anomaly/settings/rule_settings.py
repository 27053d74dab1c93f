"""The section `rules`: which declarative rules run, and where they differ between stores."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from retail_anomaly.rules.choice import DEFAULT_CHOICE
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.rules.load import checked_rules, written_rules
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.written import Written
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
    choice: Annotated[
        Literal["none", "default"],
        Meta(
            description="none: packaged rules stay in the shadow. default: those that are quiet in honest "
            "trade are live (docs/packs.md)."
        ),
    ] = "none"
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
    return checked_rules(found, _changes(section, found), section.lists)


def configured_rules(
    section: RuleSettings,
    stores: Mapping[str, Mapping[str, Any]],
    max_late: int,
    only: Sequence[str] | None = None,
) -> ConfiguredRules:
    """Load the rules of every store, and those of the stores that lay keys over them.

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
    >>> list(configured_rules(RuleSettings(), {}, 86_400_000).everywhere)
    []
    """
    found = written_rules(section.files, packs=section.packs, own=section.inline)
    everywhere = _changes(section, found)
    with_own = {store: keys for store, keys in stores.items() if keys}
    return ConfiguredRules(
        checked_rules(found, everywhere, section.lists),
        max_late=max_late,
        by_store={
            store: checked_rules(found, [*everywhere, (f"stores.{store}.rules", keys)], section.lists)
            for store, keys in with_own.items()
        },
        own_keys=with_own,
        flood=section.flood,
        only=only,
    )


def _changes(
    section: RuleSettings, found: Mapping[str, Written]
) -> list[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Return the changes of every store to the loaded rules, in their order."""
    packaged = written_rules(packs=section.packs) if section.choice == "default" else {}
    # One's own rule may have the id of a packaged one, which it replaces: its file says its status.
    live: dict[str, dict[str, Any]] = {
        name: {"status": "live"}
        for name in DEFAULT_CHOICE
        if name in packaged and found[name] == packaged[name]
    }
    return [("rules.choice", live), ("rules.set", section.set)]
