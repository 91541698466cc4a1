"""A school as the profile service serves it: everybody who matters, signed in."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from api.app import create_app
from governance.accounts import Principal
from governance.schools import School
from learning.resources import Resources
from policy.vocabulary import Role
from tests.api.callers import Caller, signed_in
from tests.people import CHILD, TEENAGER, People


@dataclass
class Profiles:
    """One school with an admin, a child, a teenager, a guardian and an auditor."""

    resources: Resources
    people: People
    http: httpx.AsyncClient
    school: School
    admin: Caller
    child: Caller
    teenager: Caller
    guardian: Caller
    auditor: Caller

    @classmethod
    def open(cls, resources: Resources) -> Profiles:
        people = People(resources.database, resources.keyring, resources.clock)
        school = people.school()
        app = create_app(resources, None, only={"profile"})
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tutela.test")

        def caller(principal: Principal) -> Caller:
            return signed_in(http, resources, principal)

        return cls(
            resources=resources,
            people=people,
            http=http,
            school=school,
            admin=caller(people.person(school, Role.ADMIN, email="head@linden.example")),
            child=caller(people.person(school, Role.LEARNER, born=CHILD, email="robin@linden.example")),
            teenager=caller(people.person(school, Role.LEARNER, born=TEENAGER)),
            guardian=caller(people.person(school, Role.GUARDIAN)),
            auditor=caller(people.person(school, Role.AUDITOR)),
        )

    def elsewhere(self, role: Role = Role.ADMIN) -> Caller:
        """Somebody of another school."""
        return signed_in(self.http, self.resources, self.people.person(self.people.school(), role))
