"""The receipt of a consent: everything that was agreed to, in a form that other programs understand.

ISO/IEC TS 27560:2023 (consent record information structure) in the W3C Data Privacy Vocabulary's JSON-LD
profile for it. The receipt is computed from the event and the published notice, so the same event always has
the same receipt; the person appears as a pseudonym.

Source: ISO/IEC TS 27560:2023; W3C DPVCG, "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using
DPV" (Final Community Group Report, 2024-08-01); GDPR Art. 7(1), 13(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.engine import Connection

from governance.consent_events import Act, ConsentEvent, GivenBy, history
from governance.notices import Notice, Notices
from governance.permits import Permit
from governance.schools import School, school_of
from policy.purposes import Purposes, RetentionClass
from policy.vocabulary import Purpose
from runtime.errors import NotFound

RECEIPT_SCHEMA: Final = "https://w3id.org/dpv/schema/dpv-27560#receipt-record"
RECORD_SCHEMA: Final = "https://w3id.org/dpv/schema/dpv-27560#record"
CONTEXT: Final = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "loc": "https://w3id.org/dpv/loc#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
}
STATUS: Final = {
    Act.GIVEN: "dpv:ConsentGiven",
    Act.RECONFIRMED: "dpv:RenewedConsentGiven",
    Act.REFUSED: "dpv:ConsentRefused",
    Act.WITHDRAWN: "dpv:ConsentWithdrawn",
    Act.EXPIRED: "dpv:ConsentExpired",
    Act.RECONFIRMATION_DUE: "dpv:ConsentRequested",
}
"""Every act that is about one purpose has a receipt; the transfer of rights is about none."""
BY: Final = {
    GivenBy.SELF: "dpv:DataSubject",
    GivenBy.GUARDIAN: "dpv:GuardianOfDataSubject",
    GivenBy.TIMER: "dpv:DataController",
}
PURPOSES: Final = {
    Purpose.PERSONALISATION: "dpv:Personalisation",
    Purpose.TELEMETRY: "dpv:ServiceUsageAnalytics",
    Purpose.RESEARCH: "dpv:ResearchAndDevelopment",
    Purpose.MODEL_TRAINING: "dpv:ServiceOptimisation",
}
GDPR_COUNTRIES: Final = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI",
    "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU",
    "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
"""The European Union and the European Economic Area."""
RIGHTS: Final = {
    "eu-gdpr:A7-3": "Withdraw consent",
    "eu-gdpr:A15": "See the data and get a copy",
    "eu-gdpr:A16": "Have it put right",
    "eu-gdpr:A17": "Have it erased",
    "eu-gdpr:A18": "Have its use restricted",
    "eu-gdpr:A20": "Take it elsewhere",
    "eu-gdpr:A77": "Complain to the data protection authority of the country",
}
"""Rights by article; outside the regulation's reach they are stated without the article."""


class NoReceipt(NotFound):
    """The event is about no single purpose."""

    slug = "no-receipt"
    title = "There is no receipt for this event"


def receipt_of(tx: Connection, leave: Permit, event_id: UUID, notices: Notices) -> dict[str, Any]:
    """The receipt of an event of the permit's subject.

    Raises:
        NotFound: the person has no such event.
        NoReceipt: the event is about no single purpose.
    """
    events = history(tx, leave)
    event = next((one for one in events if one.event_id == event_id), None)
    if event is None:
        raise NotFound
    read = event.notice
    notice = notices.get(read.id, read.version, read.language) if read else None
    school = school_of(tx, leave.subject_gate.tenant)
    return receipt(event, events, notice, school, leave.governor.decision_point.purposes)


def receipt(
    event: ConsentEvent,
    events: Sequence[ConsentEvent],
    notice: Notice | None,
    school: School,
    purposes: Purposes,
) -> dict[str, Any]:
    """The receipt of one event, as JSON-LD.

    Args:
        event: the event.
        events: the person's events in order; those about the same purpose up to this one are the record.
        notice: the wording that was decided on; None where nobody ever read one (a plain no).
        school: the controller.
        purposes: what the purposes and retention classes mean.

    Raises:
        NoReceipt: the event is about no single purpose.
    """
    if event.purpose is None:
        raise NoReceipt
    record = [one for one in events if one.purpose is event.purpose and one.seq <= event.seq]
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{event.event_id}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": str(event.event_id),
        "dct:conformsTo": RECEIPT_SCHEMA,
        "dct:created": event.at.isoformat(),
        "dct:publisher": {"@id": _controller_id(school)},
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": _record(event.purpose, event, record, notice, school, purposes),
    }


def _record(
    purpose: Purpose,
    event: ConsentEvent,
    record: Sequence[ConsentEvent],
    notice: Notice | None,
    school: School,
    purposes: Purposes,
) -> dict[str, Any]:
    in_reach = school.country in GDPR_COUNTRIES
    identifier = f"urn:tutela:consent:{event.subject}:{purpose.value}"
    return {
        "@id": identifier,
        "@type": "dpv:ConsentRecord",
        "dct:identifier": identifier,
        "dct:conformsTo": RECORD_SCHEMA,
        "dpv:hasDataSubject": {"@id": f"urn:uuid:{event.subject}", "skos:broader": "dpv:Student"},
        "dpv:hasDataController": {
            "@id": _controller_id(school),
            "@type": ["dpv:Organisation", "dpv:DataController"],
            "dpv:hasIdentifier": str(school.tenant),
            "dpv:hasName": school.name,
            "schema:contactPoint": {"@type": "schema:ContactPoint", "schema:description": school.contact},
        },
        "dpv:hasJurisdiction": f"loc:{school.country}",
        **({"dpv:hasApplicableLaw": "eu-gdpr:GDPR"} if in_reach else {}),
        "dpv:hasProcess": _process(purpose, notice, purposes, in_reach=in_reach),
        "dpv:hasConsentControl": _control(event, purpose),
        "dpv:hasRight": [_right(article, title, in_reach=in_reach) for article, title in RIGHTS.items()],
        **({"dpv:hasNotice": _notice(notice)} if notice else {}),
        "dpv:hasConsentStatus": [_status(one) for one in record],
    }


def _process(
    purpose: Purpose, notice: Notice | None, purposes: Purposes, *, in_reach: bool
) -> dict[str, Any]:
    told = {}
    if notice is not None:
        told = {
            "dpv:hasPersonalData": [
                f"urn:tutela:category:{category.value}" for category in notice.categories
            ],
            "dpv:hasProcessing": [f"dpv:{name.capitalize()}" for name in notice.processing],
            "dpv:hasRecipient": list(notice.recipients),
            "dpv:hasStorageCondition": _storage(purposes.retention[notice.retention]),
        }
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@id": f"urn:tutela:purpose:{purpose.value}",
            "skos:broader": PURPOSES[purpose],
            "dct:title": purposes.terms[purpose].title,
            "dct:description": purposes.terms[purpose].description,
        },
        "dpv:hasLegalBasis": ["dpv:ExplicitlyExpressedConsent", *(["eu-gdpr:A6-1-a"] if in_reach else [])],
        **told,
    }


def _storage(kept: RetentionClass) -> dict[str, Any]:
    return {
        "@type": "dpv:StorageDuration",
        "dpv:hasDuration": f"P{kept.keep_days}D",
        "dct:description": f"counted from: {kept.after.value.replace('_', ' ')}",
    }


def _control(event: ConsentEvent, purpose: Purpose) -> dict[str, Any]:
    place = f"/v1/subjects/{event.subject}/consents/{purpose.value}"
    return {
        "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
        "dpv:isExercisedAt": [f"{place}/give", f"{place}/withdraw"],
        "dct:description": "One request to give, one to withdraw; no reason is asked.",
    }


def _right(article: str, title: str, *, in_reach: bool) -> dict[str, Any]:
    kind = ["dpv:DataSubjectRight", *([article] if in_reach else [])]
    return {"@type": kind, "dct:title": title, "dpv:isExercisedAt": "at the school"}


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "@id": f"/v1/notices/{notice.id}/{notice.version}/{notice.language}",
        "@type": "dpv:ConsentNotice",
        "dct:title": notice.title,
        "dct:date": notice.published.isoformat(),
        "dct:language": notice.language,
        "dct:hasVersion": str(notice.version),
        "spdx:checksum": {
            "spdx:algorithm": "spdx:checksumAlgorithm_sha256",
            "spdx:checksumValue": notice.sha256,
        },
    }


def _status(event: ConsentEvent) -> dict[str, Any]:
    lasting = {}
    if event.valid_until is not None:
        lasting = {
            "dpv:hasDuration": {"@type": "dpv:UntilTimeDuration", "rdf:value": event.valid_until.isoformat()}
        }
    return {
        "@type": STATUS[event.act],
        "dct:identifier": str(event.event_id),
        "schema:position": event.seq,
        "dpv:isIndicatedBy": BY[event.given_by],
        "dpv:isIndicatedAtTime": event.at.isoformat(),
        **lasting,
    }


def _controller_id(school: School) -> str:
    return f"urn:uuid:{school.tenant}"
