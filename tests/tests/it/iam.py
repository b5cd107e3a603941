"""Users and roles of an emulator, as the official Python client makes them.

Reads one JSON object: `{"users": {name: policy}, "roles": {name: {"trust": document, "policy": document}}, "stack":
{"template": template, "parameters": {name: value}}}`. Prints `{name: [access key id, secret access key]}` of the users that are
new, and the outputs of the stack.
"""

import json
import sys

import botocore.session

session = botocore.session.Session()
session.set_credentials("test", "test")


def client(service):
    return session.create_client(service, region_name="us-east-1", endpoint_url=sys.argv[1])


# The emulator asks for actions of batches, which IAM does not have: at AWS, the action of a single message counts.
BATCHES = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch"],
            "Resource": "*",
        }
    ],
}

iam = client("iam")
wanted = json.load(sys.stdin)
keys = {}
for name, policy in wanted.get("users", {}).items():
    if policy is None:
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="batches", PolicyDocument=json.dumps(BATCHES))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = [key["AccessKeyId"], key["SecretAccessKey"]]
    else:
        iam.put_user_policy(UserName=name, PolicyName="quittance", PolicyDocument=json.dumps(policy))
for name, role in wanted.get("roles", {}).items():
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(role["trust"]))
    iam.put_role_policy(RoleName=name, PolicyName="batches", PolicyDocument=json.dumps(BATCHES))
    iam.put_role_policy(RoleName=name, PolicyName="quittance", PolicyDocument=json.dumps(role["policy"]))
if "stack" in wanted:
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName="quittance",
        TemplateBody=json.dumps(wanted["stack"]["template"]),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in wanted["stack"]["parameters"].items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="quittance", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    [stack] = cloudformation.describe_stacks(StackName="quittance")["Stacks"]
    keys.update({output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})
json.dump(keys, sys.stdout)
