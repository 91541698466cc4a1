"""Two learners and a guardian whose every field is a marked value, going through a product by HTTP."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from governance.workflow_ids import consent_workflow_id, session_workflow_id
from runtime.settings import Settings
from tests.journeys.product import SCHOOL, Product

MARKS = {
    "e-mail": "Zq7-Kanarkova@zq7-school.example",
    "e-mail before the @": "zq7-kanarkova",
    "name": "Žofie Zq7 Kanárková",
    "birth date": "1971-03-17",
    "password": "zq7 sieben blaue Drachen",
    "new password": "zq7 acht rote Drachen",
    "wrong password": "zq7 neun grüne Drachen",
    "text, direct": "zq7 fair and unequal, said directly",
    "text, engine": "zq7 fair and unequal, said through the engine",
    "number, direct": "7391482.6057",
    "number, engine": "8260593.7148",
    "unreadable, direct": "zq7 quite a lot, directly",
    "unreadable, engine": "zq7 quite a lot, engine",
    "response time": "17391482",
    "score": "13.579246801",
    "comment": 'zq7 "much better" than in March; talk to the parents',
    "child's name": "Zq7 Vendelín Kanárek",
    "child's e-mail": "zq7-vendelin@zq7-family.example",
    "child's birth date": "2016-08-29",
    "guardian's name": "Zq7 Božena Kanárková-Nová",
    "guardian's e-mail": "zq7-bozena@zq7-family.example",
}
"""Everything of a person that the product is given, as it was typed. Choices among a course's options are not
among them: their values are the course's."""

TEXT_ITEM, NUMERIC_ITEM = "name-the-pieces", "ribbon-in-six"
SETTLES_WITHIN_S = 60.0
Json = dict[str, Any]


def a_learners_weeks(product: Product) -> UUID:
    """Everything that a grown-up learner can do, and what is done about them; their reference."""
    with closing(product.sign_in("admin")) as admin, closing(product.sign_in("instructor")) as instructor:
        account = register(admin, "learner", "name", "e-mail", "birth date", MARKS["password"])
        me, class_id = account["subject_ref"], product.demo.class_id
        enrolments = {"enrolments": [{"learner": me}]}
        post(admin, f"/v1/classes/{class_id}/enrolments", enrolments)
        refused(admin, "/v1/accounts", {"email": MARKS["e-mail"], "display_name": MARKS["name"]})
        with closing(signed_in(product.url)) as learner:
            for purpose in ("personalisation", "telemetry"):
                give(learner, me, purpose)
            session = work_through_both_lanes(product, learner)
            grade(instructor, class_id, me)
            look_around(learner, instructor, class_id, me)
            post(learner, f"/v1/sessions/{session}/end")
            post(learner, f"/v1/subjects/{me}/consents/personalisation/withdraw", {"event_id": str(uuid4())})
            passwords = {"current": MARKS["password"], "password": MARKS["new password"]}
            learner.put("/v1/me/password", json=passwords).raise_for_status()
    asyncio.run(until_session_ended(product, UUID(me), UUID(session)))
    asyncio.run(until_consent_is_kept(product, UUID(me)))
    return UUID(me)


def a_childs_first_day(product: Product) -> None:
    """A guardian is linked to a child and says yes for them."""
    with closing(product.sign_in("admin")) as admin:
        child = register(admin, "learner", "child's name", "child's e-mail", "child's birth date", None)
        guardian = register(
            admin, "guardian", "guardian's name", "guardian's e-mail", None, MARKS["password"]
        )
        link = {"link_id": str(uuid4()), "guardian": guardian["subject_ref"], "learner": child["subject_ref"]}
        post(admin, "/v1/guardian-links", {**link, "method": "school_record"})
        with closing(signed_in(product.url, "guardian's e-mail")) as client:
            give(client, child["subject_ref"], "personalisation")
            client.get("/v1/me").raise_for_status()
    asyncio.run(until_consent_is_kept(product, UUID(child["subject_ref"])))


def register(
    admin: httpx.Client, role: str, name: str, email: str, born: str | None, password: str | None
) -> Json:
    return post(
        admin,
        "/v1/accounts",
        {
            "account_id": str(uuid4()),
            "email": MARKS[email],
            "display_name": MARKS[name],
            "roles": [role],
            "birth_date": MARKS[born] if born else None,
            "password": password,
        },
    )


def signed_in(url: str, email: str = "e-mail") -> httpx.Client:
    """A client of a marked person, who first mistook the password."""
    client = httpx.Client(base_url=url, timeout=30)
    body = {"school": SCHOOL, "email": MARKS[email], "password": MARKS["password"]}
    refused(client, "/v1/sign-in", {**body, "password": MARKS["wrong password"]})
    client.headers["Authorization"] = f"Bearer {post(client, '/v1/sign-in', body)['token']}"
    return client


def give(client: httpx.Client, subject: str, purpose: str) -> None:
    notice = {"notice_id": purpose, "notice_version": 1, "notice_language": "en"}
    post(client, f"/v1/subjects/{subject}/consents/{purpose}/give", {"event_id": str(uuid4()), **notice})


def work_through_both_lanes(product: Product, learner: httpx.Client) -> str:
    """One session with a word, a number and what is no number, each on each lane; its id."""
    body = {"session_id": str(uuid4()), "class_id": product.demo.class_id}
    session = post(learner, "/v1/sessions", body)
    path = f"/v1/sessions/{session['session_id']}"
    post(learner, f"{path}/steps/{session['step']['step_id']}/hints")
    with product.another_api(TUTELA_ENGINE_SLOTS=0) as other:
        headers = {"Authorization": learner.headers["Authorization"]}
        with httpx.Client(base_url=other.url, headers=headers, timeout=30) as direct:
            answer_all_kinds(direct, path, "direct")
    answer_all_kinds(learner, path, "engine")
    return str(session["session_id"])


def answer_all_kinds(client: httpx.Client, path: str, lane: str) -> None:
    """The unreadable number comes last, when the lane is known to be open."""
    text = {"kind": "text", "text": MARKS[f"text, {lane}"]}
    number = {"kind": "numeric", "value": MARKS[f"number, {lane}"], "unit": "cm"}
    unreadable = {"kind": "numeric", "value": MARKS[f"unreadable, {lane}"], "unit": "cm"}
    answer_on(lane, client, path, TEXT_ITEM, text)
    answer_on(lane, client, path, NUMERIC_ITEM, number)
    refused(client, f"{path}/answers", choose(client, path, NUMERIC_ITEM, unreadable))


def answer_on(lane: str, client: httpx.Client, path: str, item: str, response: Json) -> None:
    """Choose the item and answer it, again and again until the answer takes the lane."""
    for _ in range(200):
        if post(client, f"{path}/answers", choose(client, path, item, response))["lane"] == lane:
            return
    pytest.fail(f"no answer took the {lane} lane")


def choose(client: httpx.Client, path: str, item: str, response: Json) -> Json:
    """A chosen step, and the answer to it."""
    step = str(uuid4())
    post(client, f"{path}/steps", {"step_id": step, "item_id": item})
    answer = {"answer_id": str(uuid4()), "step_id": step, "response": response}
    return {**answer, "response_ms": int(MARKS["response time"])}


def grade(instructor: httpx.Client, class_id: str, learner: str) -> None:
    """A grade is posted, and one with a fault is refused."""
    path = f"/v1/classes/{class_id}"
    test = {"title": "Spring test", "kind": "test", "weight": 20, "max_score": 40}
    instructor.put(f"{path}/assessments/spring-test", json=test).raise_for_status()
    marked = {
        "grade_id": str(uuid4()),
        "learner": learner,
        "assessment": "spring-test",
        "submitted_on": instructor.get(path).raise_for_status().json()["starts_on"],
        "score": float(MARKS["score"]),
        "comment": MARKS["comment"],
    }
    post(instructor, f"{path}/grades", marked)
    refused(instructor, f"{path}/grades", {**marked, "score": MARKS["comment"]})


def look_around(learner: httpx.Client, instructor: httpx.Client, class_id: str, me: str) -> None:
    """What is sealed is opened wherever it is shown; and a name is asked for where a reference belongs."""
    for path in ("/v1/me", f"/v1/subjects/{me}/consent-events", f"/v1/classes/{class_id}/grades"):
        learner.get(path).raise_for_status()
    for path in ("gradebook", "risk", "learners"):
        shown = instructor.get(f"/v1/classes/{class_id}/{path}").raise_for_status()
        assert MARKS["name"] in shown.text
    for mark in ("name", "e-mail"):
        assert learner.get(f"/v1/sessions/{MARKS[mark]}", params={"cursor": MARKS[mark]}).is_client_error


def post(client: httpx.Client, path: str, body: Json | None = None) -> Json:
    answered = client.post(path, json=body)
    assert answered.is_success, answered.text
    found: Json = answered.json()
    return found


def refused(client: httpx.Client, path: str, body: Json) -> None:
    answered = client.post(path, json=body)
    assert answered.is_client_error, answered.text


def namespaces() -> tuple[str, str]:
    settings = Settings()
    return settings.learning_namespace, settings.governance_namespace


async def without_keys(product: Product, namespace: str) -> Client:
    """A client as anyone has it who reaches the engine: it opens nothing."""
    return await Client.connect(product.engine_address, namespace=namespace)


async def until_session_ended(product: Product, learner: UUID, session: UUID) -> None:
    """Until the session's workflow knows that the session is over."""
    workflow_id = session_workflow_id(learner, session)
    await until(product, namespaces()[0], workflow_id, WorkflowExecutionStatus.COMPLETED)


async def until_consent_is_kept(product: Product, subject: UUID) -> None:
    """Until there is a workflow that keeps the consent."""
    await until(product, namespaces()[1], consent_workflow_id(subject), WorkflowExecutionStatus.RUNNING)


async def until(product: Product, namespace: str, workflow_id: str, status: WorkflowExecutionStatus) -> None:
    """Until the engine lists the workflow so; what it lists is a moment behind what it does."""
    await until_listed(
        await without_keys(product, namespace),
        f'WorkflowId = "{workflow_id}" AND ExecutionStatus = "{status.name.title()}"',
    )


async def until_listed(client: Client, query: str, count: int = 1) -> None:
    async with asyncio.timeout(SETTLES_WITHIN_S):
        while (await client.count_workflows(query)).count < count:
            await asyncio.sleep(0.1)
