"""Pseudonyms in the scopes of snooze and allow entries, which people and other systems write."""

import os
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from retail_anomaly.cases.actions import Action
from retail_anomaly.core.pseudonyms import is_exempt, is_pseudonym
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.settings.privacy_settings import PrivacySettings, pseudonyms_of

HideScope: TypeAlias = Callable[[Action], Action]


def scope_hider(privacy: PrivacySettings, environ: Mapping[str, str] | None = None) -> HideScope:
    """Return the function that each action passes before anybody keeps or applies it.

    With pseudonyms, the one of the time of the action takes the place of a clear id in a scope. Only a
    process that has the key can do so; elsewhere such an action is refused. A pseudonym stays.

    Parameters
    ----------
    privacy
        The section of the settings.
    environ
        The environment; by default that of the process.

    Raises
    ------
    KeyMissingError
        There is a key, and it is too short, or one of a rotation is missing.

    Examples
    --------
    >>> from retail_anomaly.cases import Scope
    >>> entry = Action("a", 1_760_000_000_000, "kim", "allow", "s", "trains others",
    ...     scope=Scope("REFUND_BURST", "c-17"))
    >>> keyed = PrivacySettings(pseudonyms="keyed")
    >>> scope_hider(keyed, {"RETAIL_PSEUDONYM_KEY": "not a secret key"})(entry).scope.employee_id
    'E-t1734drwe042'
    >>> scope_hider(keyed, {})(entry)
    Traceback (most recent call last):
    retail_anomaly.core.records.InvalidRecord: scope.employeeId: expected a pseudonym, ...
    """
    if privacy.pseudonyms == "none":
        return unchanged
    has_key = bool((os.environ if environ is None else environ).get(privacy.key))
    names = pseudonyms_of(privacy, environ) if has_key else None

    def hidden(action: Action) -> Action:
        scope = action.scope
        if scope is None or scope.employee_id is None or is_pseudonym(scope.employee_id):
            return action
        if names is None:
            if is_exempt(scope.employee_id, privacy.not_persons):
                return action
            raise InvalidRecord(
                "scope.employeeId",
                "scope.employeeId: expected a pseudonym, such as E-7f3k9mq2x4hd, or the key in the "
                f"environment variable {privacy.key}",
            )
        name = names.of(scope.employee_id, action.time)
        return msgspec.structs.replace(action, scope=msgspec.structs.replace(scope, employee_id=name))

    return hidden


def unchanged(action: Action) -> Action:
    """Return the action as it is: there are no pseudonyms."""
    return action
