"""The life of sandboxes as SDK 0.1.5 lives it: python v01.py ENDPOINT IMAGE PREFIX"""

import sys
import time

import grpc
from openshell import Sandbox, SandboxClient
from openshell._proto import openshell_pb2 as pb
from openshell.errors import GatewayError
from openshell.mutations import DeletionOutcome
from openshell.sandbox import WorkspaceClient

endpoint, image, prefix = sys.argv[1:4]
WORKSPACE = "default"


def spec(*command, **more):
    return pb.SandboxSpec(template=pb.SandboxTemplate(image=image), command=command, **more)


def step(name):
    print(name, flush=True)


def failure(call):
    try:
        call()
    except GatewayError as error:
        return error
    raise AssertionError("the call went through")


def until(what, ask):
    deadline = time.time() + 60
    while not (answer := ask()):
        assert time.time() < deadline, what
        time.sleep(0.1)
    return answer


with SandboxClient(endpoint) as client:
    get = lambda name: client.get(name, workspace=WORKSPACE)

    step("health")
    assert client.health().status == pb.SERVICE_STATUS_HEALTHY
    info = client._stub.GetGatewayInfo(pb.GetGatewayInfoRequest())
    assert "api-0.0" in info.gateway_version and "api-0.1" in info.gateway_version
    assert info.compute_drivers[0].capabilities.resource_capabilities.cpu.limit_supported

    step("create, wait")
    name = f"{prefix}-a"
    made = client.create(workspace=WORKSPACE, spec=spec(), name=name, labels={"of": prefix})
    assert made.name == name and made.id and made.workspace == WORKSPACE
    ready = client.wait_ready(name, workspace=WORKSPACE)
    assert ready.id == made.id and ready.status.main_process_started_at_ms > 0
    assert ready.status.conditions[0].transition_time_ms > 0

    step("list, in pages of one")
    other = f"{prefix}-b"
    client.create(workspace=WORKSPACE, spec=spec(), name=other, labels={"of": prefix})
    pages = client.list(workspace=WORKSPACE, label_selector=f"of={prefix}", page_size=1)
    assert [[box.name for box in page.items] for page in pages] == [[name], [other]]
    assert {name, other} <= {box.name for box in client.list_all_for_all_workspaces(page_size=2)}

    step("exec")
    result = client.exec(name, ["sh", "-c", "cat; echo $WORD; echo no >&2; exit 3"], workspace=WORKSPACE,
                         stdin=b"in\n", env={"WORD": "yes"}, no_login_shell=True)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "in\nyes\n", "no\n"), result

    step("exec with a timeout")
    assert client.exec(name, ["sleep", "60"], workspace=WORKSPACE, timeout_seconds=1).exit_code == 124

    step("stop, start")
    assert client.stop(name, workspace=WORKSPACE).phase == pb.SANDBOX_PHASE_STOPPED
    client.wait_stopped(name, workspace=WORKSPACE)
    client.start(name, workspace=WORKSPACE)
    client.wait_ready(name, workspace=WORKSPACE)

    step("a main process that ends with 0 is completed")
    ended = f"{prefix}-z"
    client.create(workspace=WORKSPACE, spec=spec("true"), name=ended)
    done = until("completed", lambda: (box := get(ended)).phase == pb.SANDBOX_PHASE_COMPLETED and box)
    assert done.status.exit_code == 0
    client.wait_ready(ended, workspace=WORKSPACE)

    step("a restart policy")
    loop = f"{prefix}-r"
    client.create(workspace=WORKSPACE, spec=spec("true", restart_policy=pb.SANDBOX_RESTART_POLICY_ALWAYS), name=loop)
    until("restarted", lambda: get(loop).status.restart_count > 0)
    waiting = until("waits", lambda: (box := get(loop)).status.next_restart_at_ms and box)
    assert waiting.phase == pb.SANDBOX_PHASE_STARTING
    # Between two restarts the process runs for a moment, and then it can be stopped as well.
    assert client.stop(loop, workspace=WORKSPACE).phase == pb.SANDBOX_PHASE_STOPPED

    step("templates")
    templates = client.sandbox_templates()
    kept = templates.create(workspace=WORKSPACE, name=f"{prefix}-t", image=image, cpu="500m", memory="64Mi",
                            environment={"FROM": "template"})
    assert kept.metadata.name == f"{prefix}-t" and kept.spec.workload.resources.cpu == "500m"
    assert templates.get(f"{prefix}-t", workspace=WORKSPACE) == kept
    assert f"{prefix}-t" in [one.metadata.name for one in templates.list_all(workspace=WORKSPACE, page_size=1)]
    copy = f"{prefix}-c"
    box = client.create_from_template(workspace=WORKSPACE, workload_template=f"{prefix}-t", name=copy)
    assert box.created_from_workload_template.name == f"{prefix}-t"
    client.wait_ready(copy, workspace=WORKSPACE)
    gone = templates.delete(f"{prefix}-t", workspace=WORKSPACE)
    assert gone.outcome == DeletionOutcome.COMPLETED, gone
    assert failure(lambda: templates.get(f"{prefix}-t", workspace=WORKSPACE)).code() == grpc.StatusCode.NOT_FOUND

    step("errors say why, where and what to do")
    refused = failure(lambda: client.create(workspace=WORKSPACE, spec=spec(), name="Not A Name"))
    assert refused.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert [one.field for one in refused.field_violations] == ["name"], refused.field_violations
    assert refused.error_info.domain == "openshell.nvidia.com" and refused.error_info.metadata["hint"]
    missing = failure(lambda: get("nobody"))
    assert (missing.code(), missing.error_info.reason) == (grpc.StatusCode.NOT_FOUND, "SandboxNotFound")

    step("workspaces")
    spaces = WorkspaceClient.from_sandbox_client(client)
    space = spaces.create(f"{prefix}-space")
    assert space.name in [one.name for one in spaces.list_all(page_size=1)]
    assert spaces.delete(space.name).outcome == DeletionOutcome.COMPLETED
    assert spaces.delete(space.name, allow_missing=True).outcome == DeletionOutcome.ALREADY_ABSENT

    step("delete, wait until gone")
    all_of_them = (name, other, ended, loop, copy)
    results = {one: client.delete(one, workspace=WORKSPACE) for one in all_of_them}
    assert results[name].outcome == DeletionOutcome.COMPLETED and results[name].sandbox_id == made.id
    for one in all_of_them:
        client.wait_deleted(one, workspace=WORKSPACE, expected_sandbox_id=results[one].sandbox_id)
    again = client.delete(name, workspace=WORKSPACE, allow_missing=True)
    assert again.outcome == DeletionOutcome.ALREADY_ABSENT and again.sandbox_id is None
    assert failure(lambda: client.delete(name, workspace=WORKSPACE)).code() == grpc.StatusCode.NOT_FOUND

step("context manager")
with Sandbox(workspace=WORKSPACE, spec=spec(), name=f"{prefix}-m") as box:
    assert box.exec(["echo", "hello"]).stdout == "hello\n"
with SandboxClient(endpoint) as client:
    assert failure(lambda: client.get(f"{prefix}-m", workspace=WORKSPACE)).code() == grpc.StatusCode.NOT_FOUND
step("done")
