"""The engine that the settings describe: the detectors that run, each with its parameters, and the rules."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from retail_anomaly.core.engine import Engine
from retail_anomaly.detectors import REGISTRY, Parameters, own_detectors
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.settings.model import Settings, SettingsError
from retail_anomaly.settings.privacy_settings import pseudonyms_of
from retail_anomaly.settings.rule_settings import configured_rules


def rules_of_settings(settings: Settings, only: Sequence[str] | None = None) -> ConfiguredRules:
    """Load the declarative rules of the settings.

    Parameters
    ----------
    settings, only
        As for `build_engine`.

    Raises
    ------
    RuleError
        A rule is wrong.

    Examples
    --------
    >>> from retail_anomaly.settings import RuleSettings
    >>> list(rules_of_settings(Settings(rules=RuleSettings(packs=("pos",)))).everywhere)[:2]
    ['after_hours', 'card_velocity']
    """
    own = {name: store.rules for name, store in settings.stores.items()}
    return configured_rules(settings.rules, own, settings.max_late, only)


def build_engine(
    settings: Settings, only: Sequence[str] | None = None, *, nobody: Collection[str] = ()
) -> Engine:
    """Build the engine that the settings describe.

    Parameters
    ----------
    settings
        The settings.
    only
        Names of the detectors to run, enabled or not. None: all enabled ones, among them those that were
        registered in this process.
    nobody
        Cashiers that stand for nobody, as a mapping fills them in.

    Returns
    -------
    Engine
        The engine; its detectors are in the order of the registry, followed by those registered in this
        process.

    Raises
    ------
    SettingsError
        There is no detector of a name, or none is enabled.
    KeyMissingError
        The settings ask for pseudonyms, and the environment has no key.

    Examples
    --------
    >>> [detector.name for detector in build_engine(Settings(), ["refund_burst"]).detectors]
    ['refund_burst']
    """
    calibration, least = settings.cases.calibration, settings.min_confidence
    known = {**REGISTRY, **{name: detector for name, (detector, _) in own_detectors().items()}}
    rules = rules_of_settings(settings, only)
    everywhere = rules.detectors((rule, 0) for rule in rules.everywhere.values())
    known |= {rule.name: type(rule) for rule in everywhere}
    for name in only or ():
        if name not in known:
            raise SettingsError(f"unknown detector {name!r}; the detectors are {', '.join(known)}")
    detectors = {
        name: known[name](parameters, max_late=settings.max_late)
        for name, parameters in settings.detectors.items()
    }

    pseudonyms = pseudonyms_of(settings.privacy, nobody=nobody)
    own_rules = {
        store: rules.detectors((rule, 0) for rule in own.values()) for store, own in rules.by_store.items()
    }

    def engine(own: Mapping[str, Parameters], in_stores: Mapping[str, Engine]) -> Engine:
        running = [
            known[name](own[name], max_late=settings.max_late) if name in own else detector
            for name, detector in detectors.items()
            if (own.get(name, detector.parameters).enabled if only is None else name in only)
        ]
        return Engine(
            [*running, *everywhere],
            own_rules=own_rules,
            in_stores=in_stores,
            max_late=settings.max_late,
            dedupe_memory=settings.dedupe_memory,
            zone=settings.zone,
            trading_days=settings.trading_days,
            numbered_by=settings.numbered_by,
            void_memory=settings.void_memory,
            max_ahead=settings.max_ahead,
            nobody=nobody,
            pseudonyms=pseudonyms,
            is_sure=partial(calibration.is_sure, least=least) if least > 0 else None,
        )

    # Stores with the same parameters share their engine.
    engines: dict[str, Engine] = {}
    in_stores: dict[str, Engine] = {}
    for store in settings.stores:
        if own := settings.parameters(store):
            key = repr(own)
            if key not in engines:
                engines[key] = engine(own, {})
            in_stores[store] = engines[key]
    found = engine({}, in_stores)
    if not found.all_detectors and not rules.by_store:
        raise SettingsError(f"no detector is enabled; the detectors are {', '.join(known)}")
    return found
