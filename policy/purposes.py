"""What data is used for and how long it is kept, read from ``purposes.yaml``.

The file is written for people; this module makes sure that it is also complete and consistent, and hands it
on as frozen values. A purpose that needs consent is never on by default and never rests on another basis.

Source: GDPR Art. 5(1)(b), 5(1)(e), 6(1), 7, 13(2)(a), 25(2).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from policy.vocabulary import Obligation, Purpose
from runtime.columns import Basis
from runtime.errors import FieldFault, TutelaError

PURPOSES_FILE = Path(__file__).with_name("purposes.yaml")


class PurposesUnusable(TutelaError):
    """The purposes file is malformed, incomplete or contradicts itself."""

    slug = "purposes-unusable"
    title = "The file of purposes cannot be used"


class RetentionStart(StrEnum):
    """The instant from which a retention time counts."""

    LAST_ENROLMENT_ENDED = "last_enrolment_ended"
    ACCOUNT_CLOSED = "account_closed"
    SESSION_ENDED = "session_ended"
    RECORDED = "recorded"


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1, str_strip_whitespace=True)


class PurposeTerms(_Declared):
    """What one purpose means to a person."""

    title: str
    description: str
    basis: Basis
    needs_consent: bool
    on_by_default: bool
    without_it: str | None = None
    """What a person gets who says no; said exactly when consent is asked for (GDPR Art. 7(4))."""

    @model_validator(mode="after")
    def _consent_is_free_and_off_by_default(self) -> Self:
        if self.needs_consent != (self.basis is Basis.CONSENT):
            raise ValueError("needs_consent and the basis 6(1)(a) go together")
        if self.needs_consent == self.on_by_default:
            raise ValueError("a purpose is on by default exactly when it needs no consent")
        if self.needs_consent != (self.without_it is not None):
            raise ValueError("without_it is said exactly where consent is asked for")
        return self


class RetentionClass(_Declared):
    """How long data of this class is kept: ``keep_days`` after the instant named by ``after``."""

    keep_days: int = Field(gt=0, le=36_525)
    after: RetentionStart
    reason: str


class _File(_Declared):
    purposes: dict[Purpose, PurposeTerms]
    retention: dict[str, RetentionClass] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_purpose_has_terms(self) -> Self:
        missing = sorted(set(Purpose) - set(self.purposes))
        if missing:
            raise ValueError(f"purposes without terms: {', '.join(missing)}")
        asked = {purpose for purpose, terms in self.purposes.items() if terms.needs_consent}
        enforceable = {obligation.consent for obligation in Obligation} - {None}
        if asked != enforceable:
            names = ", ".join(sorted(str(purpose) for purpose in asked ^ enforceable))
            raise ValueError(f"consent is asked for and enforced for different purposes: {names}")
        return self


@dataclass(frozen=True, slots=True)
class Purposes:
    """The whole file, frozen. ``terms`` has every purpose; ``retention`` the classes that columns name."""

    terms: MappingProxyType[Purpose, PurposeTerms]
    retention: MappingProxyType[str, RetentionClass]

    @property
    def asking_consent(self) -> tuple[Purpose, ...]:
        """The purposes that need consent, in the order of the vocabulary."""
        return tuple(purpose for purpose in Purpose if self.terms[purpose].needs_consent)


def load_purposes(path: Path = PURPOSES_FILE) -> Purposes:
    """The purposes and retention classes of ``path``.

    Raises:
        PurposesUnusable: with one fault for each place that is wrong.
    """
    return read_purposes(path.read_text("utf-8"), source=path.name)


def read_purposes(text: str, *, source: str = "purposes.yaml") -> Purposes:
    """As :func:`load_purposes`, from the text itself."""
    try:
        declared = _File.model_validate(yaml.load(text, _Strict))  # noqa: S506  # _Strict is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _unusable([FieldFault(f"{source}{line}", error.problem or "not YAML")]) from error
    except yaml.YAMLError as error:
        raise _unusable([FieldFault(source, "not YAML text")]) from error
    except ValidationError as error:
        raise _unusable(
            [
                FieldFault(" ".join([source, ".".join(str(part) for part in fault["loc"])]), fault["msg"])
                for fault in error.errors(include_input=False)
            ]
        ) from error
    return Purposes(terms=MappingProxyType(declared.purposes), retention=MappingProxyType(declared.retention))


def _unusable(faults: list[FieldFault]) -> PurposesUnusable:
    told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return PurposesUnusable(told, faults=tuple(faults))


class _Strict(yaml.SafeLoader):
    """YAML in which a key stands once: plain YAML silently lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # what is not is refused by the loader itself
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key} stands twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)
