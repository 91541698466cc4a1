#!/usr/bin/env bash
# A learner's first minutes, by curl. Usage: docs/journey.sh LEARNER_PASSWORD INSTRUCTOR_PASSWORD
# (`make up` prints both on its first start.) API=http://127.0.0.1:8080 unless you say otherwise.
set -euo pipefail
API=${API:-http://127.0.0.1:8080}
uuid() { python3 -c 'import uuid; print(uuid.uuid4())'; }
field() { python3 -c 'import json, sys; value = json.load(sys.stdin)
for key in sys.argv[1].split("."): value = value[int(key) if key.isdigit() else key]
print(value)' "$1"; }
show() { python3 -m json.tool --no-ensure-ascii; }
call() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; }

echo "# 1. Sign in. The token is shown once; only its hash is stored."
sign_in() { curl -sS --fail-with-body "$API/v1/sign-in" -H 'Content-Type: application/json' \
  -d "{\"school\": \"demo\", \"email\": \"$1@demo.example\", \"password\": \"$2\"}"; }
SIGNED_IN=$(sign_in lena "$1"); TOKEN=$(field token <<<"$SIGNED_IN"); ME=$(field subject_ref <<<"$SIGNED_IN")
call "$API/v1/me" | show

echo "# 2. What may be done with your data? Everything that needs a yes is off until you say it."
call "$API/v1/subjects/$ME/consents" | show

echo "# 3. Say yes to personalisation. Saying no again is one request too: .../withdraw"
call "$API/v1/subjects/$ME/consents/personalisation/give" -d "{\"event_id\": \"$(uuid)\",
  \"notice_id\": \"personalisation\", \"notice_version\": 1, \"notice_language\": \"en\"}" | show

echo "# 4. Start a session in your class. The first step is offered with it."
CLASS=$(call "$API/v1/classes" | field rows.0.class_id); SESSION=$(uuid)
STARTED=$(call "$API/v1/sessions" -d "{\"session_id\": \"$SESSION\", \"class_id\": \"$CLASS\"}"); show <<<"$STARTED"
STEP=$(field step.step_id <<<"$STARTED")

echo "# 5. Ask for a hint. It is counted here, so nobody has to be believed."
call -X POST "$API/v1/sessions/$SESSION/steps/$STEP/hints" | show

echo "# 6. Answer. In one reply: the grade, feedback, the next move, and why."
answer() { # a response that fits the kind of item: its first option, a number, a word
  python3 -c 'import json, sys
step, answer_id = json.load(sys.stdin), sys.argv[1]
item = step["item"]
said = {"choice": lambda: {"option": item["options"][0]["id"]},
        "multiple": lambda: {"options": [item["options"][0]["id"]]},
        "numeric": lambda: {"value": "1/2", "unit": (item["units"] or [""])[0]},
        "text": lambda: {"text": "one half"}}[item["kind"]]()
print(json.dumps({"answer_id": answer_id, "step_id": step["step_id"],
                  "response": {"kind": item["kind"], **said}, "response_ms": 9000, "hesitation_ms": 2500}))' "$1"; }
OFFERED=$(python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["step"]))' <<<"$STARTED")
ANSWER=$(answer "$(uuid)" <<<"$OFFERED")
REPLY=$(call "$API/v1/sessions/$SESSION/answers" -d "$ANSWER"); show <<<"$REPLY"

echo "# 7. The same request again, as after a lost connection: the same reply, nothing graded twice."
AGAIN=$(call "$API/v1/sessions/$SESSION/answers" -d "$ANSWER")
[ "$AGAIN" = "$REPLY" ] && echo "identical"

echo "# 8. A faulty request is refused by name, and changes nothing."
curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  "$API/v1/sessions/$SESSION/answers" -d '{"answer_id": "no uuid", "step_id": 7}' | show

echo "# 9. End the session."
call -X POST "$API/v1/sessions/$SESSION/end" | show

echo "# 10. The instructor sees who needs help, and why."
TOKEN=$(sign_in ines "$2" | field token)
call "$API/v1/classes/$CLASS/risk" | show
