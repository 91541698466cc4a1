"""The words of permission: a closed vocabulary, so that a typing error fails at import and the whole
decision matrix can be enumerated.

A request to the decision point is (roles, relations, object, action, purpose). Roles come from the account,
relations are facts read from the database for this principal and this subject, object and action are
constants of the call site, and the purpose says what the data is used *for* (GDPR Art. 5(1)(b)).

The values are written into policy files, decision records and stored consents: append members, never
rename one.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is entitled to be. Roles never inherit from one another."""

    LEARNER = "learner"
    """Learns: answers, and decides about their own data as far as their age allows."""
    INSTRUCTOR = "instructor"
    """Teaches classes and grades in them."""
    EDITOR = "editor"
    """Writes and imports courses; sees no learner."""
    GUARDIAN = "guardian"
    """Holds parental responsibility for learners under age."""
    ADMIN = "admin"
    """Runs the school's installation: accounts, classes, enrolments."""
    OFFICER = "officer"
    """Data protection officer: handles cases about data subjects' rights."""
    AUDITOR = "auditor"
    """Verifies what happened; reads evidence, writes nothing."""
    SCHOOL_SYSTEM = "school_system"
    """A school's own software with an account: posts grades, enrols learners."""
    WORKER = "worker"
    """Tutela's own workflows, when a timer falls due and nobody is there."""


class Relation(StrEnum):
    """How the principal stands to the data subject now: facts from the database, never a caller's claim."""

    SELF = "self"
    """The principal is the data subject."""
    INSTRUCTOR_OF = "instructor_of"
    """The learner is actively enrolled in a class that the principal teaches at this time; of a class itself,
    its gradebook and its risk list: the principal teaches it."""
    GUARDIAN_OF_MINOR = "guardian_of_minor"
    """Verified guardian of a learner under the age of majority, with no court restriction."""
    CASE = "case"
    """An open case about this data subject is assigned to the principal."""
    TENANT = "tenant"
    """Same school. Holds beside the closer ties, and alone for things about no one (a course, a model)."""
    NONE = "none"
    """No tie: another school. No rule may allow it."""


class ObjectType(StrEnum):
    """What is acted on."""

    SESSION = "session"
    """A learning session: its state, order of items and summary."""
    ANSWER = "answer"
    """An answer of a learner with its grade and feedback."""
    EVENT = "event"
    """Interaction telemetry: folded pointer, scroll, media and focus activity."""
    COURSE = "course"
    """A published course version as learners see it: lessons and items, no solutions."""
    COURSE_PACKAGE = "course_package"
    """The source of a course, solutions included, and the act of importing it."""
    CLASS = "class"
    """A group of learners that instructors teach a course in a period."""
    ENROLMENT = "enrolment"
    """A learner's place in a class, with its dates."""
    ACCOUNT = "account"
    """A person's account: sign-in name, roles, contact."""
    ACCESS_SESSION = "access_session"
    """A sign-in: a bearer session of an account."""
    CONSENT = "consent"
    """A data subject's consent to a purpose, and its history."""
    CONSENT_RECEIPT = "consent_receipt"
    """The receipt of a consent event (ISO/IEC TS 27560)."""
    NOTICE = "notice"
    """A versioned notice in plain language."""
    GATE = "gate"
    """A data subject's gate: open, restricted or erased, and the purposes that are live."""
    GRADE = "grade"
    """A graded submission: a score that a teacher or the school gave. Posted with ``grade`` alone."""
    GRADEBOOK = "gradebook"
    """The columns of a class's gradebook (assignments, weights, dates) and its overview."""
    RISK = "risk"
    """A learner's risk score with its reasons, and a class's risk list."""
    DECISION = "decision"
    """An adaptation decision: what was chosen for a learner next, and why."""
    LEARNER_PROFILE = "learner_profile"
    """Who a learner is: name, birth date, language, contact."""
    KNOWLEDGE = "knowledge"
    """The learner state: what a learner probably knows, and the features it comes from."""
    GUARDIAN_LINK = "guardian_link"
    """That a person is the guardian of a learner, how it was verified, and restrictions on it."""
    DISCLOSURE = "disclosure"
    """The record of who was shown a learner's data (34 CFR 99.32)."""
    POLICY = "policy"
    """The rules themselves and their decision matrix."""
    MODEL = "model"
    """A trained model with its card, manifest and metrics."""
    OPERATIONS = "operations"
    """The installation: engine, workers, queues, migrations, counters."""


class Action(StrEnum):
    """What is done to it."""

    CREATE = "create"
    """Make a new one (start a session, open an account, enrol)."""
    READ = "read"
    """Read one."""
    LIST = "list"
    """Read many; each row is filtered by the same relation."""
    UPDATE = "update"
    """Change one."""
    DELETE = "delete"
    """Remove one, for any reason but GDPR Art. 17 (that is ``erase``)."""
    RESUME = "resume"
    """Take up an open session again."""
    ANSWER = "answer"
    """Answer the offered step of an open session."""
    END = "end"
    """End a session or a sign-in."""
    ADAPT = "adapt"
    """Choose what comes next by this learner's own state."""
    SCORE = "score"
    """Compute a risk score."""
    GRADE = "grade"
    """Post, correct or bank a score."""
    IMPORT = "import"
    """Bring in a package or a list."""
    GRANT = "grant"
    """Give consent to a purpose."""
    WITHDRAW = "withdraw"
    """Take consent back, or let it end because its time is over."""
    REPLAY = "replay"
    """Compute a past decision again and compare."""
    TRAIN = "train"
    """Learn a model from records."""
    EXPORT = "export"
    """Hand over a copy of records."""
    RESTRICT = "restrict"
    """Stop processing without erasing, or lift that (GDPR Art. 18)."""
    ERASE = "erase"
    """Erase a data subject (GDPR Art. 17)."""


WRITES = frozenset(Action) - {Action.READ, Action.LIST, Action.REPLAY, Action.EXPORT}
"""Every action that changes something. What is not known to only read counts as a write."""


class Purpose(StrEnum):
    """What the data is used for. Described for people, with lawful basis, in ``purposes.yaml``."""

    TEACHING = "teaching"
    """The core service: lessons, answers, grading, feedback, summaries."""
    PERSONALISATION = "personalisation"
    """Choosing what comes next by the learner's own profile."""
    TELEMETRY = "telemetry"
    """Recording how a learner interacts with the material."""
    ASSESSMENT = "assessment"
    """The gradebook: official scores given by teachers and the school."""
    SUPPORT = "support"
    """Telling a teacher who may need help, and why."""
    TRANSPARENCY = "transparency"
    """Showing people their own records, how they were used and what they decided."""
    ADMINISTRATION = "administration"
    """Running the school: accounts, classes, enrolments, courses, operations."""
    COMPLIANCE = "compliance"
    """Doing what data protection law asks: consents, cases, clocks."""
    AUDIT = "audit"
    """Verifying that what happened was permitted."""
    RESEARCH = "research"
    """Studying, over many learners, what teaches better."""
    MODEL_TRAINING = "model_training"
    """Learning models from learners' records."""
    ACCOUNT_SECURITY = "account_security"
    """Signing in and out, and keeping accounts safe."""


class Obligation(StrEnum):
    """A condition of an allow, discharged by ``governance.permits`` before data is touched, else refused."""

    CONSENT_PERSONALISATION = "consent:personalisation"
    """The data subject's consent to personalisation is live in this transaction."""
    CONSENT_TELEMETRY = "consent:telemetry"
    """The data subject's consent to telemetry is live in this transaction."""
    CONSENT_RESEARCH = "consent:research"
    """The data subject's consent to research is live in this transaction."""
    CONSENT_MODEL_TRAINING = "consent:model_training"
    """The data subject's consent to model training is live in this transaction."""
    RECORD = "record"
    """A disclosure record is written in the same transaction (34 CFR 99.32)."""
    STEPUP = "stepup"
    """The principal proved possession of a second factor moments ago."""
    DUAL = "dual"
    """A second person approved exactly this."""
    MASK_IDENTITY = "mask:identity"
    """Direct identifiers are left out; the pseudonym stays."""

    @property
    def consent(self) -> Purpose | None:
        """The purpose whose consent this asks for, or None when it asks for something else."""
        kind, _, argument = self.value.partition(":")
        return Purpose(argument) if kind == "consent" else None
