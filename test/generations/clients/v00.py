"""The life of sandboxes as SDK 0.0.116 lives it: python v00.py ENDPOINT IMAGE PREFIX"""

import sys

import grpc
from openshell import Sandbox, SandboxClient
from openshell._proto import openshell_pb2 as pb

endpoint, image, prefix = sys.argv[1:4]
WORKSPACE = "default"


def spec(*command):
    return pb.SandboxSpec(template=pb.SandboxTemplate(image=image), command=command)


def step(name):
    print(name, flush=True)


def code_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    raise AssertionError("the call went through")


with SandboxClient(endpoint) as client:
    step("health")
    assert client.health().status == pb.SERVICE_STATUS_HEALTHY

    step("create, wait")
    name = f"{prefix}-a"
    made = client.create(workspace=WORKSPACE, spec=spec(), name=name, labels={"of": prefix})
    assert made.name == name and made.id and made.workspace == WORKSPACE
    ready = client.wait_ready(name, workspace=WORKSPACE)
    assert ready.id == made.id and ready.phase == pb.SANDBOX_PHASE_READY

    step("list")
    assert name in [box.name for box in client.list(workspace=WORKSPACE)]
    assert [box.id for box in client.list(workspace=WORKSPACE, label_selector=f"of={prefix}")] == [made.id]
    assert made.id in client.list_ids_for_all_workspaces()

    step("exec")
    result = client.exec(made.id, ["sh", "-c", "cat; echo $WORD; echo no >&2; exit 3"],
                         stdin=b"in\n", env={"WORD": "yes"})
    assert (result.exit_code, result.stdout, result.stderr) == (3, "in\nyes\n", "no\n"), result

    step("exec with a timeout")
    assert client.exec(made.id, ["sleep", "60"], timeout_seconds=1).exit_code == 124

    step("stop, start")
    assert client.stop(name, workspace=WORKSPACE).phase == pb.SANDBOX_PHASE_STOPPED
    client.wait_stopped(name, workspace=WORKSPACE)
    client.start(name, workspace=WORKSPACE)
    client.wait_ready(name, workspace=WORKSPACE)
    assert client.exec(made.id, ["true"]).exit_code == 0

    step("a main process that ends with 0 is an error with its code")
    ended = f"{prefix}-z"
    client.create(workspace=WORKSPACE, spec=spec("true"), name=ended)
    while (box := client.get(ended, workspace=WORKSPACE)).phase in (
        pb.SANDBOX_PHASE_PROVISIONING, pb.SANDBOX_PHASE_READY):
        pass
    assert box.phase == pb.SANDBOX_PHASE_ERROR, box
    raw = client._stub.GetSandbox(pb.GetSandboxRequest(name=ended, workspace=WORKSPACE)).sandbox.status
    assert raw.HasField("exit_code") and raw.exit_code == 0

    step("delete, wait until gone")
    for gone in (name, ended):
        assert client.delete(gone, workspace=WORKSPACE) is True
    for gone in (name, ended):
        client.wait_deleted(gone, workspace=WORKSPACE)
    assert code_of(lambda: client.delete(name, workspace=WORKSPACE)) == grpc.StatusCode.NOT_FOUND

step("context manager")
with Sandbox(workspace=WORKSPACE, spec=spec(), name=f"{prefix}-c") as box:
    assert box.exec(["echo", "hello"]).stdout == "hello\n"
with SandboxClient(endpoint) as client:
    gone = lambda: client.get(f"{prefix}-c", workspace=WORKSPACE)
    assert code_of(gone) == grpc.StatusCode.NOT_FOUND
step("done")
