"""Compares our .proto files of one generation with the descriptors inside the Python SDK of that generation:
0.0 with openshell==0.0.116, 0.1 with openshell==0.1.5.

Usage: python compare-descriptors.py OURS.binpb
where OURS.binpb comes from: buf build src/wire/v01/proto --as-file-descriptor-set -o OURS.binpb

Everything of ours must be in the SDK with the same name, number, type, presence and reservation. What only the SDK
has is listed and is no failure: it holds messages of its own storage and fields that came after our tables.
"""

import sys

from google.protobuf import descriptor_pb2
from openshell._proto import datamodel_pb2, openshell_pb2, sandbox_pb2


def facts_of_message(prefix, message, facts):
    name = f"{prefix}.{message.name}"
    facts[f"message {name}"] = None
    for field in message.field:
        group = None
        if field.HasField("oneof_index") and not field.proto3_optional:
            group = message.oneof_decl[field.oneof_index].name
        facts[f"field {name} {field.number}"] = (
            field.name, field.label, field.type, field.type_name, field.proto3_optional, group)
    for reserved in message.reserved_range:
        facts[f"reserved {name} {reserved.start} to {reserved.end - 1}"] = None
    for reserved in message.reserved_name:
        facts[f"reserved {name} {reserved}"] = None
    for nested in message.nested_type:
        facts_of_message(name, nested, facts)
    for enum in message.enum_type:
        facts_of_enum(name, enum, facts)


def facts_of_enum(prefix, enum, facts):
    for value in enum.value:
        facts[f"enum {prefix}.{enum.name} {value.number}"] = value.name


def facts_of(files):
    facts = {}
    for file in files:
        for message in file.message_type:
            facts_of_message(file.package, message, facts)
        for enum in file.enum_type:
            facts_of_enum(file.package, enum, facts)
        for service in file.service:
            for rpc in service.method:
                facts[f"rpc {file.package}.{service.name}/{rpc.name}"] = (
                    rpc.input_type, rpc.output_type, rpc.client_streaming, rpc.server_streaming)
    return facts


def main(path):
    ours = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        ours.ParseFromString(file.read())
    theirs = descriptor_pb2.FileDescriptorSet()
    for module in (datamodel_pb2, sandbox_pb2, openshell_pb2):
        module.DESCRIPTOR.CopyToProto(theirs.file.add())
    have = facts_of(file for file in ours.file if file.package.startswith("openshell."))
    want = facts_of(theirs.file)
    if not have:
        print(f"{path} holds nothing of openshell")
        return 1
    for fact in sorted(want.keys() - have.keys()):
        print("only in the SDK:", fact)
    wrong = [fact for fact in sorted(have) if fact not in want or have[fact] != want[fact]]
    for fact in wrong:
        print("DIFFERS:", fact, "ours", have[fact], "SDK", want.get(fact, "has none"))
    print(f"{len(have)} facts of ours, {len(wrong)} differ from the SDK")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
