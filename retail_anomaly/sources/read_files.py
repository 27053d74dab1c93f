"""The files that a source is read from."""

from pathlib import Path

from retail_anomaly.sources.places import FORMS, form_of, matching
from retail_anomaly.sources.stored_file import is_address


def files_of(*logs: object) -> list[Path]:
    """Return the files that a replay of these sources may read: in a folder, all that can hold events.

    Parameters
    ----------
    logs
        Paths, folders, or lists of them. Other sources, such as frames and events, have no files.

    Examples
    --------
    >>> files_of("log.jsonl", "-")
    [PosixPath('log.jsonl'), PosixPath('-')]
    """
    found: list[Path] = []
    for source in logs:
        if isinstance(source, list | tuple):
            found += files_of(*source)
        if isinstance(where := getattr(source, "where", None), str | Path | list | tuple):  # `Events`
            found += files_of(where)
        if not isinstance(source, str | Path) or is_address(source):
            continue
        log = Path(source)
        if log.is_dir():
            found += [file for file in log.rglob("*") if file.is_file() and form_of(file) in FORMS]
        else:
            found += [log] if log.exists() else matching(log) or [log]
    return found
