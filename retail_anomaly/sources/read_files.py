"""The files that a source is read from."""

from pathlib import Path

from retail_anomaly.core.events import INPUT_TOPICS


def files_of(*logs: object) -> list[Path]:
    """Return the files that a replay of these sources reads: in a folder, the files named after a topic.

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
        if not isinstance(source, str | Path):
            continue
        log = Path(source)
        files = log.rglob("*") if log.is_dir() else [log]
        found += [
            file
            for file in files
            if file == log or file.name.partition(".")[0] in INPUT_TOPICS or file.suffix == ".parquet"
        ]
    return found
