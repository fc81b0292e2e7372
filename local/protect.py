"""`make deploy` ends here: no mistake deletes the stack that was deployed, nor what it keeps.

Nobody deletes a stack that has termination protection. Its stack policy lets no update replace or delete what the
template would keep (`DeletionPolicy: Retain`): the stack would go on without customers' data.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse

from local.deployed import Target, client, stack_resources, target
from local.template import TEMPLATE


def kept_resources() -> set[str]:
    """Return the logical ids of what template.yaml keeps."""
    resources = yaml_parse(TEMPLATE.read_text())["Resources"]
    return {name for name, body in resources.items() if body.get("DeletionPolicy") == "Retain"}


def stack_policy(kept: set[str]) -> dict[str, Any]:
    """Return the policy of a stack that has these resources to keep."""
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
    ]
    if kept:
        named = [f"LogicalResourceId/{name}" for name in sorted(kept)]
        denied = ["Update:Replace", "Update:Delete"]
        statements.append({"Effect": "Deny", "Principal": "*", "Action": denied, "Resource": named})
    return {"Statement": statements}


def protect(of: Target) -> Iterator[str]:
    """Protect a stack where it is not protected yet, and tell what was done; raises botocore's errors."""
    cloudformation = client(of, "cloudformation")
    # CloudFormation refuses a policy that names what the stack does not have.
    kept = kept_resources() & {found["LogicalResourceId"] for found in stack_resources(of)}
    policy = stack_policy(kept)
    if json.loads(cloudformation.get_stack_policy(StackName=of.stack).get("StackPolicyBody") or "null") != policy:
        cloudformation.set_stack_policy(StackName=of.stack, StackPolicyBody=json.dumps(policy))
        names = ", ".join(sorted(kept)) or "anything that it keeps"
        yield f"{of.stack}: no update replaces or deletes {names} from now on."
    [stack] = cloudformation.describe_stacks(StackName=of.stack)["Stacks"]
    if not stack.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(StackName=of.stack, EnableTerminationProtection=True)
        yield f"{of.stack}: protected against deletion from now on."


def main(words: Sequence[str]) -> None:
    """Protect the stack that `sam deploy --config-env STAGE OPTIONS` has changed; exits where that fails."""
    stage, *options = words
    of = target(stage, options)
    try:
        for line in protect(of):
            print(line)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"{of.stack} is deployed, but could not be protected: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main(sys.argv[1:])
