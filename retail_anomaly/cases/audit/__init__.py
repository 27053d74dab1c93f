"""The audit trail: records chained by hashes, and the disclosure of a pseudonym by two persons."""

from retail_anomaly.cases.audit.chain import (
    AuditFault,
    AuditRecord,
    ChainEnd,
    Verified,
    decode_audit,
    sealed,
    verify,
)
from retail_anomaly.cases.audit.disclosure import Disclosure, DisclosureError, candidates_in
from retail_anomaly.cases.audit.file_log import AuditFile

__all__ = [
    "AuditFault",
    "AuditFile",
    "AuditRecord",
    "ChainEnd",
    "Disclosure",
    "DisclosureError",
    "Verified",
    "candidates_in",
    "decode_audit",
    "sealed",
    "verify",
]
